/* Making elements. Text from models goes in as text only: nothing here reads it as markup. */
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/* An HTML element; attributes that are functions listen to the event of that name. */
const element = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

const drawn = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

const say = (text) => {
  byId("status").textContent = text;
};

const counted = (number, noun) =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

const halves = (text, most) =>
  text.length <= most
    ? text
    : `${text.slice(0, Math.floor(most / 2) - 1)}…${text.slice(-Math.floor(most / 2))}`;
