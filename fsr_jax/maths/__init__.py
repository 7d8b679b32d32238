"""The paper's equations as pure functions; no model, config, data or file."""
