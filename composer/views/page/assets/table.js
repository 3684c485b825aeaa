/* A table of any length: only the rows that can be seen are elements. */
const table = (() => {
  const HEIGHT = 28;
  const SPARE = 8;
  const grid = byId("grid");
  const filter = byId("filter");
  const states = new Map();
  let shown = null;
  let body = null;

  /* What is kept of a table while others are looked at. */
  function stateOf(one) {
    if (!states.has(one.id)) {
      const texts = one.rows.map((row) =>
        row.slice(1).map((cell) => cell ?? "").join("\u0000").toLowerCase());
      states.set(one.id, { one, texts, rows: null, sort: null, filter: "", at: 0, top: 0 });
    }
    return states.get(one.id);
  }

  const isNumber = (one, column) =>
    one.rows.some((row) => typeof row[column + 1] === "number");

  function widths(one) {
    return one.columns.map((name, column) => {
      let most = name.length + 3;
      for (const row of one.rows) {
        const cell = row[column + 1];
        most = Math.max(most, typeof cell === "number" ? cell.toLocaleString("en").length
          : (cell || "").length);
      }
      return `minmax(${Math.min(most, 12)}ch, ${Math.min(Math.max(most, 5), 66) + 2}ch)`;
    }).join(" ");
  }

  function arrange() {
    const { one, texts } = shown;
    const words = shown.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const order = one.rows.map((_, place) => place)
      .filter((place) => words.every((word) => texts[place].includes(word)));
    if (shown.sort) {
      const { column, way } = shown.sort;
      const compare = isNumber(one, column)
        ? (a, b) => (a ?? -1) - (b ?? -1)
        : new Intl.Collator("en", { numeric: true }).compare;
      const value = (place) => one.rows[place][column + 1] ?? "";
      order.sort((a, b) => way * compare(value(a), value(b)) || a - b);
    }
    shown.rows = order.map((place) => one.rows[place]);
    shown.at = Math.min(shown.at, Math.max(0, order.length - 1));
    const all = one.rows.length;
    byId("count").textContent = order.length === all ? counted(all, "row")
      : `${order.length.toLocaleString("en")} of ${counted(all, "row")}`;
    grid.setAttribute("aria-rowcount", order.length + 1);
    body.style.height = `${order.length * HEIGHT}px`;
    paint();
  }

  function row(cells, place) {
    const made = element("div", {
      "role": "row", "class": place === shown.at ? "row at" : "row", "id": `row-${place}`,
      "aria-rowindex": place + 2, "aria-selected": String(place === shown.at),
    }, ...cells.slice(1).map((cell, column) => element("span", {
      role: "gridcell",
      class: typeof cell === "number" ? "number"
        : shown.one.columns[column] === "SHA-256" ? "digest" : null,
      title: typeof cell === "string" ? cell : null,
    }, typeof cell === "number" ? cell.toLocaleString("en") : cell ?? "")));
    made.style.top = `${place * HEIGHT}px`;
    made.dataset.place = place;
    const mark = page.differences && Object.keys(MARKS).find((key) =>
      cells[1] && String(cells[1]).startsWith(MARKS[key].join(" ")));
    if (mark) made.classList.add(mark);
    return made;
  }

  function paint() {
    if (!shown) return;
    const first = Math.max(0, Math.floor(grid.scrollTop / HEIGHT) - SPARE);
    const last = Math.ceil((grid.scrollTop + grid.clientHeight) / HEIGHT) + SPARE;
    body.replaceChildren(...shown.rows.slice(first, last).map((cells, place) =>
      row(cells, first + place)));
    if (shown.rows.length) grid.setAttribute("aria-activedescendant", `row-${shown.at}`);
    else grid.removeAttribute("aria-activedescendant");
  }

  function header() {
    return element("div", { "role": "row", "class": "row header", "aria-rowindex": 1 },
      ...shown.one.columns.map((name, column) => {
        const sorted = shown.sort?.column === column ? shown.sort.way : 0;
        const way = sorted > 0 ? "ascending" : sorted < 0 ? "descending" : "none";
        const looks = isNumber(shown.one, column) ? "number" : null;
        return element("span", { "role": "columnheader", "aria-sort": way, "class": looks },
          element("button", { type: "button", click: () => sort(column) },
            `${name || "what"}${sorted > 0 ? " ▲" : sorted < 0 ? " ▼" : ""}`));
      }));
  }

  /* Upwards, downwards, then as it was. */
  function sort(column) {
    const { sort: before } = shown;
    if (before?.column !== column) shown.sort = { column, way: 1 };
    else shown.sort = before.way > 0 ? { column, way: -1 } : null;
    grid.firstChild.replaceWith(header());
    grid.firstChild.querySelectorAll("button")[column].focus();
    arrange();
  }

  function open(one) {
    if (shown) shown.top = grid.scrollTop;
    shown = stateOf(one);
    grid.setAttribute("aria-label", one.title);
    grid.setAttribute("aria-colcount", one.columns.length);
    grid.style.setProperty("--columns", widths(one));
    body = element("div", { role: "rowgroup", class: "rows" });
    grid.replaceChildren(header(), body);
    filter.value = shown.filter;
    arrange();
    grid.scrollTop = shown.top;
    paint();
  }

  function move(place) {
    shown.at = Math.max(0, Math.min(shown.rows.length - 1, place));
    const top = shown.at * HEIGHT;
    const room = grid.clientHeight - 2 * HEIGHT;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top > grid.scrollTop + room) grid.scrollTop = top - room;
    paint();
  }

  function choose(focus) {
    const id = shown.rows[shown.at]?.[0];
    if (id) details.show(id, focus);
    else say("This row has no single layer");
  }

  let asked = false;
  grid.addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; paint(); });
  });
  grid.addEventListener("click", (event) => {
    const made = event.target.closest("[data-place]");
    if (!made) return;
    move(Number(made.dataset.place));
    choose(false);
  });
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid) return;
    const screen = Math.max(1, Math.floor(grid.clientHeight / HEIGHT) - 2);
    const steps = {
      ArrowDown: shown.at + 1, ArrowUp: shown.at - 1, PageDown: shown.at + screen,
      PageUp: shown.at - screen, Home: 0, End: Infinity,
    };
    if (event.key in steps) move(steps[event.key]);
    else if (event.key === "Enter") choose(true);
    else return;
    event.preventDefault();
  });
  filter.addEventListener("input", () => {
    shown.filter = filter.value;
    grid.scrollTop = 0;
    shown.at = 0;
    arrange();
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") grid.focus();
    else if (event.key === "Escape" && filter.value) {
      filter.value = "";
      filter.dispatchEvent(new Event("input"));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  new ResizeObserver(paint).observe(grid);

  return { open, focus: () => grid.focus() };
})();
