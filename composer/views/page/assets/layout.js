/* Where everything goes: elkjs in a worker, so that the page stays awake meanwhile. */
const layout = (() => {
  const PADDING = 11;
  const LINE = 15;
  const pen = document.createElement("canvas").getContext("2d");
  const widths = new Map();
  const waiting = new Map();
  let worker = null;
  let number = 0;

  function width(text, size = 12) {
    const key = `${size} ${text}`;
    if (!widths.has(key)) {
      pen.font = `${size}px "DejaVu Sans", Verdana, "Segoe UI", sans-serif`;
      widths.set(key, pen.measureText(text).width);
    }
    return widths.get(key);
  }

  function started() {
    if (worker) return worker;
    const blob = new Blob([byId("layout").textContent], { type: "text/javascript" });
    worker = new Worker(URL.createObjectURL(blob));
    worker.onmessage = ({ data }) => {
      const asked = waiting.get(data.id);
      waiting.delete(data.id);
      if (!asked) return;
      if (data.error) asked.reject(new Error(data.error.message || String(data.error)));
      else asked.resolve(data.data);
    };
    worker.onerror = (event) => {
      for (const asked of waiting.values()) asked.reject(new Error(event.message || "no worker"));
      waiting.clear();
      worker = null;
    };
    worker.postMessage({ id: 0, cmd: "register", algorithms: ["layered"] });
    return worker;
  }

  function asked(graph) {
    number += 1;
    const id = number;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      started().postMessage({ id, cmd: "layout", graph, layoutOptions: {}, options: {} });
    });
  }

  function child(item) {
    const { lines } = model.thing(item.id);
    if (item.open) {
      const children = item.children.map(child);
      const { side, options } = padding(lines[0], children);
      const inner = Math.max(...children.map((one) => one.width));
      return { id: item.id, layoutOptions: options, children, width: inner + 2 * side };
    }
    const widest = Math.max(...lines.map((line) => width(halves(line, 44))));
    return {
      id: item.id,
      width: Math.max(widest + 2 * PADDING, 64),
      height: 10 + LINE * lines.length,
    };
  }

  /* Around what is in an open fold, as much as its title asks for. */
  function padding(title, children) {
    const widest = Math.max(...children.map((one) => one.width));
    const side = Math.max(16, Math.ceil((width(halves(title, 60)) + 56 - widest) / 2));
    return { side, options: { "elk.padding": `[top=34,left=${side},bottom=16,right=${side}]` } };
  }

  function graphOf(items, lines) {
    const boxes = model.picture.boxes.map((box, place) => ({
      id: `b${place}`, layoutOptions: page.layout.box, children: [],
    }));
    const places = new Map(model.picture.boxes.map((box, place) => [box.id, boxes[place]]));
    const top = [];
    for (const item of items) {
      (places.get(model.thing(item.id).box)?.children || top).push(child(item));
    }
    const edges = lines.map((line, place) => ({
      id: `e${place}`,
      sources: [line.start],
      targets: [line.end],
      labels: line.label ? [{ text: line.label, width: width(line.label, 10) + 6, height: 13 }] : [],
    }));
    const children = [...top, ...boxes.filter((box) => box.children.length)];
    return { id: "root", layoutOptions: page.layout.options, children, edges };
  }

  /* Rectangles by id, and for each line its points and the place of its label. */
  async function laidOut(items, lines) {
    const root = await asked(graphOf(items, lines));
    const places = new Map([["root", { x: 0, y: 0, width: root.width, height: root.height }]]);
    const walk = (around, x, y) => {
      for (const { id, x: left, y: top, width: w, height: h, ...rest } of around.children || []) {
        places.set(id, { x: x + left, y: y + top, width: w, height: h });
        walk(rest, x + left, y + top);
      }
    };
    walk(root, 0, 0);
    const paths = root.edges.map((edge) => {
      const { x, y } = places.get(edge.container || "root");
      const points = (edge.sections || []).flatMap((section) =>
        [section.startPoint, ...(section.bendPoints || []), section.endPoint]
          .map((point) => [x + point.x, y + point.y]));
      const [label] = edge.labels || [];
      return {
        points,
        label: label && "x" in label
          ? { x: x + label.x, y: y + label.y, width: label.width, height: label.height }
          : null,
      };
    });
    return { places, paths };
  }

  return { laidOut, width, LINE };
})();
