/* The page as a whole: its head, its buttons, its keys, its colours. */
const KEYS = [
  ["/", "find a layer"],
  ["arrows", "walk: down and up along the lines, left and right over all"],
  ["Enter", "details of a layer; unfold a block, or fold it again"],
  ["Esc", "close what is open; fold the block around"],
  ["+  −  0", "zoom in, zoom out, fit"],
  ...(page.differences ? [["n  p", "next change, previous change"]] : []),
  ["1 … 9", "the picture and the tables"],
  ["t", "light, dark, or as the system has it"],
  ["?", "this"],
  ["drag, wheel", "move; with Ctrl the wheel zooms"],
];

const theme = (() => {
  const CHOICES = ["system", "light", "dark"];
  const KEPT = "keras-compose theme";
  let at = "system";
  function set(choice) {
    at = CHOICES.includes(choice) ? choice : "system";
    document.documentElement.dataset.theme = at;
    byId("theme").textContent = `Colours: ${at}`;
  }
  try {
    set(localStorage.getItem(KEPT));
  } catch {
    set("system"); // a browser may keep nothing for files
  }
  return () => {
    set(CHOICES[(CHOICES.indexOf(at) + 1) % CHOICES.length]);
    try {
      localStorage.setItem(KEPT, at);
    } catch {
      say("This browser does not remember the colours of local files");
    }
  };
})();

function help() {
  const dialog = byId("help");
  dialog.replaceChildren(
    element("h2", { id: "help-title" }, "Keys"),
    element("table", {}, element("tbody", {}, ...KEYS.map(([key, does]) =>
      element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)),
        element("td", {}, does))))),
    element("button", { type: "button", click: () => dialog.close() }, "Close"));
  dialog.showModal();
}

function legend() {
  const place = byId("legend");
  if (page.differences) {
    const marks = Object.keys(MARKS).filter((mark) =>
      [...model.nodes.values()].some((node) => node.marks.includes(mark)));
    place.append(...marks.map((mark) =>
      element("span", { class: `chip ${mark}` }, MARKS[mark].join(" "))));
    return;
  }
  model.picture.boxes.forEach((box, number) => place.append(
    element("span", { class: "key", title: box.title },
      element("span", { class: `swatch swatch${number % model.picture.colors}` }), box.id)));
}

function pressed(event) {
  const writing = event.target.closest("input[type=text], dialog");
  if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
  const inGraph = tabs.at() === "graph";
  const keys = {
    "/": search.focus,
    "?": help,
    "t": theme,
    ...(inGraph ? { "+": () => view.zoom(1.25), "=": () => view.zoom(1.25),
      "-": () => view.zoom(0.8), "0": () => view.fit() } : {}),
    ...(page.differences && page.wired
      ? { n: () => graph.step(1), p: () => graph.step(-1) } : {}),
  };
  const number = Number(event.key);
  if (event.key in keys) keys[event.key]();
  else if (event.key === "Escape") details.close();
  else if (number >= 1 && number <= tabs.all.length) {
    tabs.open(tabs.all[number - 1].id);
    tabs.focus();
  } else return;
  event.preventDefault();
}

/* An address that ends in #layer=NAME leads to that layer, as one that is looked at is kept. */
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("layer");
  const id = wanted && model.named(wanted);
  if (id) graph.go(id);
  else if (wanted) say(`There is no layer ${wanted}`);
}

byId("title").textContent = page.title;
byId("summary").textContent = page.summary;
byId("theme").addEventListener("click", theme);
byId("keys").addEventListener("click", help);
document.addEventListener("keydown", pressed);
window.addEventListener("hashchange", () => page.wired && follow());

if (page.wired) {
  byId("zoom-in").addEventListener("click", () => view.zoom(1.25));
  byId("zoom-out").addEventListener("click", () => view.zoom(0.8));
  byId("fit").addEventListener("click", () => view.fit());
  byId("unfold-all").addEventListener("click", () => graph.every(true));
  byId("fold-all").addEventListener("click", () => graph.every(false));
  byId("next").addEventListener("click", () => graph.step(1));
  byId("previous").addEventListener("click", () => graph.step(-1));
  byId("next").hidden = !model.marked.length;
  byId("previous").hidden = !model.marked.length;
  byId("unfold-all").hidden = !model.folds.size;
  byId("fold-all").hidden = !model.folds.size;
  byId("left-out-choice").hidden = ![...model.nodes.values()].some((node) => node.out);
  byId("left-out").checked = model.isLeftOutShown();
  byId("left-out").addEventListener("change", (event) => {
    const wanted = event.target.checked;
    model.showLeftOut(wanted);
    graph.refresh().then((done) => {
      if (done) return;
      model.showLeftOut(!wanted);
      event.target.checked = !wanted;
    });
  });
  byId("graph").setAttribute("aria-label", `Picture of ${page.title}`);
  byId("graph").classList.toggle("differences", page.differences);
  legend();
  tabs.open("graph");
  graph.redraw().then(
    () => {
      view.fit(true);
      follow();
      document.body.dataset.ready = "true";
    },
    (error) => {
      const missing = byId("missing");
      missing.textContent = `No picture: ${error.message || error}. The tables show everything.`;
      missing.hidden = false;
      document.body.dataset.ready = "failed";
    });
} else {
  byId("search").closest(".finder").hidden = true;
  byId("engine").hidden = true;
  if (tabs.all.length) tabs.open(tabs.all[0].id);
  document.body.dataset.ready = "true";
}
