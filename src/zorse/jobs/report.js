(() => {
  const form = document.querySelector("form[data-filter]");
  if (!form) return;
  form.hidden = false;
  const cards = [...document.querySelectorAll(".gallery > li")];
  const told = document.getElementById("shown");
  const apply = () => {
    const label = form.label.value, text = form.text.value.toLowerCase(), wrong = form.wrong && form.wrong.checked;
    let shown = 0;
    for (const card of cards) {
      const fits = (!label || card.dataset.label === label) && (!wrong || card.dataset.wrong === "1")
        && (!text || card.dataset.text.includes(text));
      card.hidden = !fits;
      shown += fits;
    }
    told.textContent = shown === cards.length ? "" : `${shown} of ${cards.length} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
})();
