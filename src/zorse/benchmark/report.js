(() => {
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const head = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    head.forEach((cell, at) => {
      const button = cell.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const up = cell.getAttribute("aria-sort") === "descending";
        head.forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        const value = (row) => row.cells[at].dataset.value ?? row.cells[at].textContent;
        const rows = [...body.rows].sort((a, b) => {
          const x = value(a), y = value(b), numbers = cell.classList.contains("n");
          if (numbers && (x === "" || y === "")) return (x === "") - (y === "");
          return (numbers ? y - x : y.localeCompare(x)) * (up ? -1 : 1);
        });
        body.append(...rows);
      });
    });
  }
})();
