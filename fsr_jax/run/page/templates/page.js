"use strict";
// The page is whole without this: it adds the theme button, sorting of tables,
// and the list in which labels are ticked and corrected. Text of the run is
// only ever put in as text.
(() => {
  const get = (id) => document.getElementById(id);
  const make = (tag, fields = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), fields);
    element.append(...children);
    return element;
  };
  const stored = {
    get(key) { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* Not kept. */ } },
  };

  // Light and dark: as the system has it until the button is pressed.
  const root = document.documentElement, button = get("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const label = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `${button.textContent} colours`); };
  const theme = stored.get("fsr_jax.theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  button.hidden = false;
  label();
  system.addEventListener("change", label);
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    stored.set("fsr_jax.theme", root.dataset.theme);
    label();
  });

  // Pictures of a few pixels are enlarged with their pixels seen.
  const crisp = (image) => { if (image.naturalWidth && image.naturalWidth <= 32) image.classList.add("tiny"); };
  for (const image of document.images) image.complete ? crisp(image) : image.addEventListener("load", () => crisp(image));

  // Tables sorted by the columns whose heads are pressed.
  const value = (cell) => {
    const text = cell.textContent.trim();
    const number = parseFloat(text.replace(/[<,%\s]/g, ""));
    return cell.classList.contains("n") ? (Number.isNaN(number) ? -Infinity : number) : text;
  };
  const compare = (a, b) => typeof a === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const press = make("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(press);
      press.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("n");
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (down ? -1 : 1) * compare(value(a.cells[column]), value(b.cells[column])));
        table.tBodies[0].append(...rows);
      });
    });
  }

  if (!get("data")) return;
  const data = JSON.parse(get("data").textContent);
  const rows = data.rows.map(([row, index, name, given, suggested, score, weight, clean]) =>
    ({ row, index, name, given, suggested, score, weight, clean }));
  const byRow = new Map(rows.map((row) => [row.row, row]));
  // Row -> the right class of what is ticked; kept in this browser.
  const key = `fsr_jax.${data.key}`;
  const ticked = new Map((stored.get(key) || []).filter(([row]) => byRow.has(row)));
  const chosen = new Map(ticked);
  const PAGE = 25;
  let page = 0;

  const percent = (x) => x === null ? "–" : `${x > 0 && x < 0.0005 ? "< 0.1" : (100 * x).toFixed(1)}\u00a0%`;
  const options = (select, of) => {
    if (select.options.length > 1) return;
    const selected = select.value;
    select.replaceChildren(...data.classes.map((name, c) => make("option", { value: c, textContent: name })));
    select.value = selected || of;
  };
  const tick = (row, on) => {
    if (on) ticked.set(row, chosen.get(row) ?? byRow.get(row).suggested);
    else ticked.delete(row);
    stored.set(key, [...ticked]);
    for (const box of document.querySelectorAll(`input[data-row="${row}"]`)) box.checked = on;
    count();
  };
  const boxOf = (row) => {
    const box = make("input", { type: "checkbox", checked: ticked.has(row.row) });
    box.dataset.row = row.row;
    box.setAttribute("aria-label", `the label of ${row.name} is wrong`);
    return box;
  };
  const classOf = (row) => {
    const now = chosen.get(row.row) ?? row.suggested;
    const select = make("select", {}, make("option", { value: now, textContent: data.classes[now] }));
    select.setAttribute("aria-label", `right class of ${row.name}`);
    // Of a thousand classes nobody wants all in every row before it is asked for.
    if (data.classes.length <= 50) options(select, now);
    else for (const event of ["focus", "pointerdown"]) select.addEventListener(event, () => options(select, now), { once: true });
    select.addEventListener("change", () => { chosen.set(row.row, Number(select.value)); tick(row.row, true); });
    return select;
  };
  const pictureOf = (row) => {
    const source = data.pictures[row.row] ?? get(`pic-${row.row}`)?.src;
    if (!source) return "";
    const image = make("img", { src: source, alt: `${row.name}, labelled ${data.classes[row.given]}` });
    image.addEventListener("load", () => crisp(image));
    return image;
  };
  const shown = () => {
    const of = get("class").value, show = get("show").value, by = get("order").value;
    const found = rows.filter((row) =>
      (of === "" || row.given === Number(of) || row.suggested === Number(of)) &&
      (show === "all" || (show === "ticked" ? ticked.has(row.row) : row.score !== null && row.score < 0.5)));
    const of_row = (row) => by === "given" || by === "suggested" ? data.classes[row[by]] : row[by] ?? Infinity;
    return found.sort((a, b) => compare(of_row(a), of_row(b)) || a.row - b.row);
  };
  let visible = [];
  const draw = () => {
    const found = shown(), pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    visible = found.slice(page * PAGE, (page + 1) * PAGE);
    get("list").tBodies[0].replaceChildren(...visible.map((row) => {
      const picture = pictureOf(row);
      const cells = [
        make("td", {}, boxOf(row)),
        make("td", {}, picture, make("div", { className: "name", textContent: row.name })),
        make("td", { textContent: data.classes[row.given] }),
        make("td", {}, classOf(row)),
        make("td", { className: "n", textContent: percent(row.score) }),
        make("td", { className: "n", textContent: row.weight === null ? "–" : row.weight.toFixed(2) }),
      ];
      if (data.clean) cells.push(make("td", { textContent: row.clean === null ? "–" : data.classes[row.clean] }));
      return make("tr", {}, ...cells);
    }));
    get("where").textContent = `page ${page + 1} of ${pages}`;
    get("pager").hidden = pages === 1;
    get("before").disabled = page === 0;
    get("after").disabled = page === pages - 1;
    count(found.length);
  };
  let listed = 0;
  const count = (found = listed) => {
    listed = found;
    get("count").textContent = `${found.toLocaleString("en")} listed, ${ticked.size.toLocaleString("en")} ticked`;
    get("download").disabled = !data.labels || (ticked.size === 0);
  };

  // A cell as our own tables have it: no spreadsheet runs it as a formula.
  const cell = (text) => {
    let safe = String(text);
    if (/^'*[=+\-@\t\r\n]/.test(safe) && (safe.trim() === "" || Number.isNaN(Number(safe)))) safe = `'${safe}`;
    return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const line = (...cells) => `${cells.map(cell).join(",")}\r\n`;
  const corrections = () => {
    const right = (row) => ticked.get(row.row);
    if (data.names) {
      return line("id", "label", "given_label") + rows.filter((row) => ticked.has(row.row))
        .map((row) => line(row.name, data.classes[right(row)], data.classes[row.given])).join("");
    }
    // Examples without names: a row for each, in their order.
    const labels = [...data.labels];
    for (const row of rows) if (ticked.has(row.row)) labels[row.index] = right(row);
    return line("id", "label", "given_label") +
      labels.map((now, i) => line(i, data.classes[now], data.classes[data.labels[i]])).join("");
  };
  // Names of files that are no UTF-8 came as lone surrogates: the bytes again.
  const bytes = (text) => text.split(/([\udc80-\udcff])/u).map((part) =>
    /^[\udc80-\udcff]$/u.test(part) ? Uint8Array.of(part.charCodeAt(0) - 0xdc00) : part);
  get("download").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob(bytes(corrections()), { type: "text/csv" }));
    const link = make("a", { href: url, download: data.file });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });

  for (const [c, name] of data.classes.entries()) get("class").append(make("option", { value: c, textContent: name }));
  for (const id of ["class", "show", "order"]) get(id).addEventListener("change", () => { page = 0; draw(); });
  get("before").addEventListener("click", () => { page -= 1; draw(); });
  get("after").addEventListener("click", () => { page += 1; draw(); });
  get("page-tick").addEventListener("click", () => visible.forEach((row) => tick(row.row, true)));
  get("clear").addEventListener("click", () => [...ticked.keys()].forEach((row) => tick(row, false)));
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-row]")) tick(Number(event.target.dataset.row), event.target.checked);
  });
  for (const box of document.querySelectorAll("label.tick")) {
    box.hidden = false;
    const input = box.querySelector("input");
    input.checked = ticked.has(Number(input.dataset.row));
  }
  if (!rows.some((row) => row.score !== null && row.score < 0.5)) get("show").value = "all";
  get("tools").hidden = false;
  draw();
})();
