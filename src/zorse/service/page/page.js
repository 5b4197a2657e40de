"use strict";
const el = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
};
const say = (text) => { el("status").textContent = text; };
const warn = (text) => { el("alert").textContent = text; };
let token = "", served = null, pictures = [], query = null;

// One request; a service that is full says when to come back, and is asked twice more.
async function ask(path, body) {
  for (let attempt = 0; ; attempt++) {
    let answer;
    try {
      answer = await fetch(path, {
        method: body ? "POST" : "GET", body, headers: token ? { Authorization: `Bearer ${token}` } : {},
      });
    } catch {
      throw new Error("The service does not answer. Is it still running?");
    }
    if (answer.status === 503 && attempt < 2) {
      const seconds = Math.min(Number(answer.headers.get("Retry-After")) || 1, 10);
      say(`The service is busy; trying again in ${seconds} s.`);
      await new Promise((done) => setTimeout(done, 1000 * seconds));
      continue;
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(told.error || `The service answered ${answer.status}.`), { status: answer.status });
    return told;
  }
}

async function begin() {
  try {
    served = (await ask("/models")).served;
  } catch (error) {
    el("token-form").hidden = error.status !== 401;
    if (error.status !== 401 || token) warn(error.status === 401 ? "That is not the token." : error.message);
    return;
  }
  el("token-form").hidden = true;
  warn("");
  el("model").textContent = `Model: ${served.model}.`;
  el("tab-search").hidden = served.index === null;
  el("labels-label").hidden = served.fixed_labels;
  if (served.labels && !served.fixed_labels) el("labels").placeholder = `${served.labels.slice(0, 8).join(", ")} (the service's own)`;
}

function takePictures(files) {
  const images = [...files].filter((file) => file.type.startsWith("image/") || !file.type);
  warn(images.length < files.length ? "Some files are no pictures and were left out." : "");
  if (!el("panel-search").hidden) {
    if (images.length) setQuery(images[0]);
    return;
  }
  pictures.push(...images);
  showChosen();
}
function showChosen() {
  const names = pictures.map((file) => file.name || "pasted picture");
  el("chosen").textContent = names.length ? `${names.length} chosen: ${names.slice(0, 4).join(", ")}${names.length > 4 ? ", ..." : ""}` : "None chosen yet";
}
function setQuery(file) {
  query = file;
  el("query-chosen").textContent = file ? file.name || "pasted picture" : "None chosen";
}

function shot(file, title) {
  const image = make("img", { alt: title });
  image.src = URL.createObjectURL(file);
  const frame = make("div", { className: "frame" }, image);
  return { image, frame, box: make("div", { className: "shot" }, frame) };
}

// The same look as `zorse explain`: dark where nothing speaks for the label, warm where most does.
function drawHeat(frame, image, heat, label) {
  frame.querySelector("canvas")?.remove();
  if (!label) return;
  const most = Math.max(1e-9, ...Object.values(heat.maps).flat(2));
  const grid = heat.maps[label], rows = grid.length, columns = grid[0].length;
  const small = make("canvas", { width: columns, height: rows });
  const pixels = new ImageData(columns, rows);
  grid.flat().forEach((p, at) => {
    const w = p / most, kept = (0.35 + 0.65 * w) * (1 - 0.25 * w), warm = 0.25 * w / Math.max(1 - kept, 1e-9);
    pixels.data.set([255 * warm, 140 * warm, 0, 255 * (1 - kept)], 4 * at);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  const canvas = make("canvas", { width: 16 * columns, height: 16 * rows, className: "heat" });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  const [left, top, width, height] = heat.box.map((share) => `${100 * share}%`);
  Object.assign(canvas.style, { left, top, width, height });
  canvas.setAttribute("aria-hidden", "true");
  frame.append(canvas);
}

function percent(p) { return p > 0 && p < 0.0005 ? "< 0.1 %" : `${(100 * p).toFixed(1)} %`; }
function bars(row, parts) {
  const list = make("ol", { className: "bars" });
  for (const { label, score } of row.top) {
    const bar = make("i");
    bar.style.setProperty("--p", `${100 * score}%`);
    const inside = [make("span", { textContent: label }), make("span", { className: "n", textContent: percent(score) }),
      make("span", { className: "bar", ariaHidden: "true" }, bar)];
    const choice = make(row.heat ? "button" : "div", { className: "choice" }, ...inside);
    if (row.heat) {
      choice.type = "button";
      choice.title = `Where the picture supports ${label}`;
      choice.setAttribute("aria-pressed", "false");
      choice.addEventListener("click", () => {
        const on = choice.getAttribute("aria-pressed") === "false";
        for (const other of list.querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
        choice.setAttribute("aria-pressed", String(on));
        drawHeat(parts.frame, parts.image, row.heat, on ? label : null);
      });
    }
    list.append(make("li", {}, choice));
  }
  return list;
}

function card(file, row) {
  const title = row.error ? "Not named" : row.label;
  const parts = shot(file, row.error ? "A file that is no picture" : `Called ${row.label}`);
  const says = make("div", { className: "says" }, make("h3", { textContent: title }), make("p", { className: "path", textContent: file.name || "pasted picture" }));
  if (row.error) says.append(make("p", { className: "wrong", textContent: row.error }));
  else {
    says.append(bars(row, parts));
    if (served?.index !== null && served?.index !== undefined) {
      const near = make("button", { type: "button", className: "near", textContent: "Nearest pictures" });
      near.addEventListener("click", () => nearest(file));
      says.append(near);
    }
  }
  return make("li", {}, parts.box, says);
}

async function nameAll(event) {
  event.preventDefault();
  warn("");
  if (!pictures.length) return warn("Choose at least one picture first.");
  const labels = el("labels").value.trim().replaceAll("\n", ",");
  el("named").replaceChildren();
  el("similar").hidden = true;
  const button = event.submitter || el("name-form").querySelector("button.main");
  button.disabled = true;
  let done = 0, failed = 0;
  try {
    for (const file of pictures) {
      say(`Naming ${done + 1} of ${pictures.length} ...`);
      const form = new FormData();
      form.append("image", file, file.name || "pasted");
      if (labels) form.append("labels", labels);
      if (served?.heat) form.append("heat", "true");
      let row;
      try {
        const told = await ask("/classify", form);
        row = told.results[0];
        if (told.notes.length) warn(told.notes[0]);
      } catch (error) {
        if (!/^image /.test(error.message)) throw error; // only the picture is at fault: the others go on
        failed++;
        row = { error: error.message };
      }
      el("named").append(card(file, row));
      done++;
    }
    say(`${done - failed} named${failed ? `, ${failed} could not be` : ""}.`);
    el("heat-hint").hidden = !served?.heat;
  } catch (error) {
    say("");
    warn(error.message);
  } finally {
    button.disabled = false;
  }
}

function hits(list, results) {
  list.replaceChildren(...results.map((hit) => {
    const inside = hit.thumbnail ? make("img", { src: hit.thumbnail, alt: hit.caption || hit.name }) : make("div", { className: "none", textContent: "No preview" });
    const says = make("div", { className: "says" }, make("h3", { textContent: hit.labels.join(", ") || hit.name.split("/").pop() }),
      make("p", { className: "path", textContent: hit.name }), make("p", { className: "soft", textContent: `likeness ${hit.score.toFixed(3)}` }));
    return make("li", {}, make("div", { className: "shot" }, inside), says);
  }));
}
async function find(form, list) {
  form.append("thumbnails", "true");
  form.append("top_k", "12");
  say("Searching ...");
  try {
    const { results } = await ask("/search", form);
    hits(list, results);
    say(results.length === 1 ? "1 picture found." : `${results.length} pictures found.`);
    return true;
  } catch (error) {
    say("");
    warn(error.message);
    return false;
  }
}
async function nearest(file) {
  warn("");
  const form = new FormData();
  form.append("image", file, file.name || "pasted");
  if (await find(form, el("near"))) {
    el("similar").hidden = false;
    el("similar-title").focus();
  }
}
async function search(event) {
  event.preventDefault();
  warn("");
  const form = new FormData();
  if (query) form.append("image", query, query.name || "pasted");
  for (const name of ["text", "without"]) if (el(name).value.trim()) form.append(name, el(name).value.trim());
  if (!query && !el("text").value.trim()) return warn("Say what should be seen, or choose a picture.");
  await find(form, el("found"));
}

function choose(tab) {
  for (const other of document.querySelectorAll("[role=tab]")) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    el(other.getAttribute("aria-controls")).hidden = !on;
  }
  tab.focus();
  warn("");
  say("");
}
el("tabs").addEventListener("click", (event) => event.target.closest("[role=tab]") && choose(event.target.closest("[role=tab]")));
el("tabs").addEventListener("keydown", (event) => {
  const tabs = [...document.querySelectorAll("[role=tab]:not([hidden])")], at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choose(tabs[(to + tabs.length) % tabs.length]);
});
el("pictures").addEventListener("change", (event) => { takePictures(event.target.files); event.target.value = ""; });
el("query").addEventListener("change", (event) => { setQuery(event.target.files[0] || null); event.target.value = ""; });
el("clear").addEventListener("click", () => { pictures = []; showChosen(); el("named").replaceChildren(); el("similar").hidden = true; say(""); warn(""); });
el("clear-query").addEventListener("click", () => { setQuery(null); el("search-form").reset(); el("found").replaceChildren(); say(""); warn(""); });
el("name-form").addEventListener("submit", nameAll);
el("search-form").addEventListener("submit", search);
el("token-form").addEventListener("submit", (event) => { event.preventDefault(); token = el("token").value.trim(); begin(); });
for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, (event) => {
  event.preventDefault(); // a picture dropped beside the field must not replace the page
  for (const zone of document.querySelectorAll(".drop")) zone.classList.toggle("over", kind === "dragover");
  if (kind === "drop" && event.dataTransfer) takePictures(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) takePictures(event.clipboardData.files); });
begin();
