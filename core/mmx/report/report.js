const search = document.getElementById("search");
if (search) {
  const rows = [...document.querySelectorAll("#items tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      found += row.hidden ? 0 : 1;
    });
    document.getElementById("found").textContent = words.length ? `${found} found` : "";
  });
}
