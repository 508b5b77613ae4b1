"use strict";
/* The table of templates and the sessions. All text goes through `put`, which makes text nodes and nothing else. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { templates, sessions } = data;
  const ANSWERS = templates.answers;
  const PAGE = 30, SESSIONS = 15, MARKS = /(\x02[0-9A-F]+\x03|\x04|\x05|<\*>)/;
  const [ID, TEXT, DATASET, TRUTH, MIXED, SAID, SCORES, DIRECT_SCORE, DIRECT, RATIONALE, CHECKED, TEACHER, NEIGHBOURS] =
    Array(13).keys();
  const at = (id) => document.getElementById(id);

  /* In a frame that was given its text (Kubeflow's page does so), `#part` is a part of the page around it. */
  if (location.protocol === "about:") document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    at(link.getAttribute("href").slice(1)).scrollIntoView();
  });

  const make = (tag, kind, ...children) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...children);
    return element;
  };
  /* Fill an element with text as `report_texts.marked` marks it. */
  const put = (element, text) => {
    let place = element;
    for (const piece of text.split(MARKS)) {
      if (piece === "\x04") { place = document.createElement("mark"); element.append(place); }
      else if (piece === "\x05") place = element;
      else if (piece[0] === "\x02") place.append(make("span", "invisible", "U+" + piece.slice(1, -1)));
      else if (piece === "<*>") place.append(make("span", "variable", piece));
      else if (piece) place.append(piece);
    }
    return element;
  };
  const plain = (text) => text.replace(/\x02([0-9A-F]+)\x03/g, "U+$1").replace(/[\x04\x05]/g, "");
  const share = (thousandths) => (thousandths === null ? "–" : (thousandths / 1000).toFixed(3));
  const answer = (code) => (code === null ? make("span", "", "–") : make("span", "answer " + ANSWERS[code], ANSWERS[code]));
  const option = (select, value, text) => {
    const made = put(make("option"), text);
    made.value = value;
    select.append(made);
  };

  /* ---------------------------------------------------------------- templates */
  const rows = templates.rows;
  const haystack = rows.map((row) => plain(`${row[ID]}\n${row[TEXT]}\n${row[RATIONALE] || ""}`).toLowerCase());
  const controls = Object.fromEntries(
    ["query", "system", "dataset", "truth", "answer", "mistakes", "mixed"].map((id) => [id, at(id)]));
  let found = [], page = 0, sorted = ["score", -1];

  const said = (row, system) => (row[SAID][system] === "-" ? null : Number(row[SAID][system]));
  const filter = () => {
    const system = Number(controls.system.value), query = plain(controls.query.value).trim().toLowerCase();
    const { dataset, truth, answer: called } = controls;
    found = [];
    rows.forEach((row, number) => {
      const code = said(row, system);
      if (code === null || (query && !haystack[number].includes(query))) return;
      if (dataset.value && row[DATASET] !== Number(dataset.value)) return;
      if (truth.value && row[TRUTH] !== Number(truth.value)) return;
      if (called.value && code !== Number(called.value)) return;
      if ((controls.mistakes.checked && code === row[TRUTH]) || (controls.mixed.checked && !row[MIXED])) return;
      found.push(row);
    });
    const [column, way] = sorted;
    const keys = { score: (row) => row[SCORES][system], truth: (row) => row[TRUTH], answer: (row) => said(row, system),
                   template: (row) => row[TEXT], dataset: (row) => row[DATASET] };
    const key = keys[column];
    found.sort((one, other) => { const a = key(one), b = key(other); return a < b ? -way : a > b ? way : 0; });
    page = 0;
    show();
  };

  const show = () => {
    const system = Number(controls.system.value);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    const body = document.createElement("tbody");
    for (const row of found.slice(page * PAGE, (page + 1) * PAGE)) body.append(line(row, system));
    at("table").tBodies[0].replaceWith(body);
    const left = templates.total - rows.length;
    at("count").textContent = `${found.length} of ${rows.length} templates` +
      (left ? `; ${left} more stand in predictions.jsonl alone` : "");
    at("page").textContent = `Page ${page + 1} of ${pages}`;
    at("pages").hidden = pages === 1;
    at("previous").disabled = page === 0;
    at("next").disabled = page === pages - 1;
  };

  const line = (row, system) => {
    const code = said(row, system), wrong = code !== row[TRUTH];
    const opener = make("button", "open", put(make("code"), row[TEXT]));
    opener.type = "button";
    opener.setAttribute("aria-expanded", "false");
    const given = make("td", "", answer(code));
    if (wrong) given.append(make("br"), make("span", "wrong", code === 1 ? "✗ false alarm" : code === 0 ? "✗ missed" : "✗ no answer"));
    const made = make("tr", "", make("td", "", answer(row[TRUTH])), given, make("td", "figure", share(row[SCORES][system])),
      make("td", "", opener), put(make("td", "set"), templates.datasets[row[DATASET]]));
    opener.addEventListener("click", () => {
      const open = opener.getAttribute("aria-expanded") === "true";
      opener.setAttribute("aria-expanded", String(!open));
      if (open) made.nextSibling.remove();
      else made.after(make("tr", "detail", detail(row)));
    });
    return made;
  };

  const detail = (row) => {
    const cell = make("td", "", ...about(row));
    cell.colSpan = 5;
    return cell;
  };
  /* All that is known of a template and the final model's verdict on it, as elements. */
  const about = (row) => {
    const cell = document.createDocumentFragment();
    const part = (title, content) => cell.append(make("h4", "", title), content);
    part("Log" + (row[RATIONALE] ? ", with the evidence" : ""), put(make("code"), row[TEXT]));
    if (row[RATIONALE]) {
      const [stated, consistent, grounded, wordless] = row[CHECKED];
      part("Rationale", put(make("p"), row[RATIONALE]));
      const facts = [`says ${stated}`, consistent ? "agrees with itself" : "does not agree with itself",
        wordless ? "the log has no words to quote" : grounded ? "its quotes hold" : "a quote does not hold, or too few do"];
      cell.append(make("p", "about", facts.join("; ")));
    }
    if (row[TEACHER]) part("The teacher's text: the rulebook, told no label", put(make("p"), row[TEACHER]));
    if (row[NEIGHBOURS]) {
      part("Neighbours among what was learned from", make("ul", "neighbours", ...row[NEIGHBOURS].map(([text, code, similar]) =>
        make("li", "", make("span", "figure", share(similar)), answer(code), put(make("code"), templates.texts[text])))));
    }
    const others = templates.systems.map(([, title], number) => {
      const code = said(row, number);
      return code === null ? null : make("li", "", title + " ", answer(code), " ", make("span", "figure", share(row[SCORES][number])));
    }).filter(Boolean);
    if (row[DIRECT] !== null) others.push(make("li", "", "direct ", answer(row[DIRECT]), " ", make("span", "figure", share(row[DIRECT_SCORE]))));
    part("What the systems say", make("ul", "others", ...others));
    cell.append(make("p", "about", row[ID] + (row[MIXED] ? "; a mixed template: its lines are of both kinds" : "")));
    return cell.children;
  };

  const find = (id) => {
    for (const control of Object.values(controls)) { if (control.type === "checkbox") control.checked = false; else if (control !== controls.system) control.value = ""; }
    controls.system.value = String(templates.final);
    controls.query.value = id;
    filter();
    const opener = at("table").querySelector(".open");
    if (opener) { opener.click(); opener.focus({ preventScroll: true }); }
    at("templates").scrollIntoView();
  };

  if (rows.length) {
    templates.systems.forEach(([, title], number) => option(controls.system, String(number), title));
    controls.system.value = String(templates.final);
    templates.datasets.forEach((name, number) => option(controls.dataset, String(number), name));
    ["normal", "abnormal"].forEach((name) => option(controls.truth, String(ANSWERS.indexOf(name)), name));
    ANSWERS.forEach((name, number) => option(controls.answer, String(number), name));
    controls.dataset.parentElement.hidden = templates.datasets.length < 2;
    controls.mixed.parentElement.hidden = !rows.some((row) => row[MIXED]);
    at("filters").hidden = at("table").hidden = false;
    at("filters").addEventListener("input", filter);
    at("filters").addEventListener("submit", (event) => event.preventDefault());
    const turn = (by) => { page += by; show(); at("table").scrollIntoView({ block: "nearest" }); };
    at("previous").addEventListener("click", () => turn(-1));
    at("next").addEventListener("click", () => turn(1));
    for (const button of document.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => {
        const column = button.dataset.sort;
        sorted = [column, sorted[0] === column ? -sorted[1] : column === "score" ? -1 : 1];
        for (const head of document.querySelectorAll("[aria-sort]")) head.removeAttribute("aria-sort");
        button.parentElement.setAttribute("aria-sort", sorted[1] > 0 ? "ascending" : "descending");
        filter();
      });
    }
    filter();
  } else at("count").textContent = "No template was tested.";
  for (const button of document.querySelectorAll("[data-find]")) button.addEventListener("click", () => find(button.dataset.find));

  /* ---------------------------------------------------------------- sessions */
  const SVG = "http://www.w3.org/2000/svg";
  const shape = (tag, attributes, title) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (title) { const named = document.createElementNS(SVG, "title"); named.textContent = title; made.append(named); }
    return made;
  };
  const number = ([start, , , , lines], place) => (lines ? `line ${lines[place]}` : `${start + place + 1}.`);
  const strip = (timeline, places) => {
    const [start, length, events, scores] = timeline;
    const drawing = shape("svg", { class: "timeline", viewBox: `0 0 ${Math.max(40, events.length)} 22`, preserveAspectRatio: "none",
      role: "img", "aria-label": `${events.length} of ${length} lines by score` });
    events.forEach((text, place) => {
      const judged = scores[place] !== null;
      const height = judged ? 2 + 19 * Math.min(1, Math.max(0, scores[place] / 1000)) : .6;
      if (places.has(start + place)) drawing.append(shape("rect", { class: "shown", x: place, y: 0, width: 1, height: 22 }));
      drawing.append(shape("rect", { class: !judged ? "none" : scores[place] >= 500 ? "high" : "", x: place + .08, y: 22 - height, width: .84, height },
        `${number(timeline, place)}, ${share(scores[place])}: ${plain(sessions.texts[text])}`));
    });
    return drawing;
  };
  const byId = new Map(rows.map((row) => [row[ID], row]));
  /* A template's text; where the table has it, it opens what is known of it, below. */
  const log = (text) => {
    const code = put(make("code"), sessions.texts[text]), row = byId.get(sessions.links[text]);
    if (!row) return code;
    const opener = make("button", "open", code);
    opener.type = "button";
    opener.setAttribute("aria-expanded", "false");
    opener.addEventListener("click", () => {
      const open = opener.getAttribute("aria-expanded") === "true", place = opener.parentElement;
      opener.setAttribute("aria-expanded", String(!open));
      if (open) place.lastChild.remove();
      else place.append(make("div", "detail", ...about(row)));
    });
    return opener;
  };
  const lines = (timeline, places) => make("ol", "lines", ...timeline[2].map((text, place) =>
    make("li", places.has(timeline[0] + place) ? "reason" : "", make("span", "figure", number(timeline, place)),
      make("span", "figure", share(timeline[3][place])), log(text))));

  const session = ([name, count, truth, given, score, because, reasons, timeline]) => {
    const made = make("li", "", put(make("code"), name));
    const about = make("p", "about", answer(given), " ", make("span", "figure", share(score)), ", truly ",
      truth === null ? "unknown" : answer(truth), `, ${count} lines `);
    if (truth !== null && truth !== given) about.append(make("b", "", given === 1 ? "✗ false alarm" : given === 0 ? "✗ missed" : "✗ no answer"));
    made.append(about);
    const places = new Set(reasons.flatMap(([, positions]) => positions));
    if (timeline) made.append(strip(timeline, places));
    if (because !== null) {
      const why = make("div", "about", "highest score ");
      if (byId.has(sessions.links[because])) {
        const button = make("button", "quiet", "Show in the table");
        button.type = "button";
        button.addEventListener("click", () => find(sessions.links[because]));
        why.append(button);
      }
      why.append(log(because));
      made.append(why);
    }
    if (reasons.length) made.append(make("ul", "reasons", ...reasons.map(([text]) =>
      make("li", "", ...text.split("`").map((piece, place) => put(make(place % 2 ? "code" : "span"), piece))))));
    if (timeline) {
      const all = make("details", "", make("summary", "", "Lines"));
      all.addEventListener("toggle", () => { if (all.children.length === 1) all.append(lines(timeline, places)); });
      made.append(all);
    }
    return made;
  };
  let shown = 0;
  const more = () => {
    at("session-rows").append(...sessions.rows.slice(shown, shown + SESSIONS).map(session));
    shown = Math.min(shown + SESSIONS, sessions.rows.length);
    at("more-sessions").hidden = shown === sessions.rows.length;
    at("session-count").textContent = `${shown} of ${sessions.total} sessions` +
      (sessions.total > sessions.rows.length ? `; the page holds ${sessions.rows.length}, session_predictions.jsonl all` : "");
  };
  at("more-sessions").addEventListener("click", more);
  if (sessions.rows.length) more();
  else at("sessions").hidden = true;
})();
