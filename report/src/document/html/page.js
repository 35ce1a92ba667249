// No less-than sign and no ampersand may stand in this file: so the page is
// well-formed XML too, and a strict parser can check it.
"use strict";

const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

// What a row is sorted by: a figure if its cell has one, else the cell's text.
function keyOf(row, column) {
  const cell = row.cells[column];
  const figure = cell.hasAttribute("data-key") ? Number(cell.getAttribute("data-key")) : null;
  return { row, figure, text: cell.textContent.trim() };
}

// Whatever the direction, figures come before texts: a row that has no figure
// is neither the best nor the worst.
function compare(a, b, direction) {
  if ((a.figure === null) !== (b.figure === null)) {
    return a.figure === null ? 1 : -1;
  }
  if (a.figure !== null) {
    return direction * (a.figure - b.figure);
  }
  return direction * words.compare(a.text, b.text);
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const asWritten = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (button === null) {
      return;
    }
    button.addEventListener("click", () => {
      const order = next[head.getAttribute("aria-sort") || "none"];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      let rows = asWritten;
      if (order !== "none") {
        head.setAttribute("aria-sort", order);
        const direction = order === "ascending" ? 1 : -1;
        const keyed = asWritten.map((row) => keyOf(row, column));
        rows = keyed.sort((a, b) => compare(a, b, direction)).map((key) => key.row);
      }
      body.append(...rows);
    });
  });
}

// A box that scrolls must be within reach of the keyboard; one that does not
// would only be in its way.
function reachable() {
  document.querySelectorAll(".scroll, figure").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) {
      box.setAttribute("tabindex", "0");
    } else {
      box.removeAttribute("tabindex");
    }
  });
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
reachable();
window.addEventListener("resize", reachable);

const contents = document.querySelector("details.contents");
if (contents !== null) {
  const wide = window.matchMedia("(min-width: 100rem)");
  contents.open = wide.matches;
  wide.addEventListener("change", () => {
    contents.open = wide.matches;
  });
}
