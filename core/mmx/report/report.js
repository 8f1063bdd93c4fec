for (const search of document.querySelectorAll("input[data-rows]")) {
  const rows = [...document.querySelectorAll(`${search.dataset.rows} tbody tr`)];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const output = search.closest("p, header").querySelector("output");
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      found += row.hidden ? 0 : 1;
    });
    output.textContent = words.length ? `${found} found` : "";
  });
}
for (const table of document.querySelectorAll("table.sortable")) {
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("thead th").forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      const empty = (text) => text.trim() === "";
      rows.sort((one, other) => {
        const [a, b] = [value(one, column), value(other, column)];
        if (empty(a) || empty(b)) return empty(a) - empty(b);
        const order = isNaN(a) || isNaN(b) ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
const zooms = document.querySelectorAll("button.zoom");
if (zooms.length) {
  const dialog = document.createElement("dialog");
  dialog.className = "large";
  document.body.append(dialog);
  dialog.addEventListener("click", () => dialog.close());
  for (const zoom of zooms) {
    zoom.addEventListener("click", () => {
      const image = zoom.querySelector("img").cloneNode();
      const caption = document.createElement("p");
      caption.textContent = image.alt;
      dialog.replaceChildren(image, caption);
      dialog.showModal();
    });
  }
}
