"""What breaks around a run, done to real processes of the command line.

python -m tests.faults            # short, under two minutes on two cores
python -m tests.faults --long     # the table of docs/reliability.md
python -m tests.faults --soak=120 # minutes

The package needs nothing of this; pytest tries the harness itself in
tests/test_faults.py.
"""
