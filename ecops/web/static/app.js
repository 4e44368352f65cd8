// Saves the reload: ticks are posted in the background and the row is swapped; step details load when opened.
"use strict";
const AJAX = { "X-Requested-With": "fetch" };
document.documentElement.classList.add("js");

function element(html) {
  const box = document.createElement("template");
  box.innerHTML = html.trim();
  return box.content.firstElementChild;
}

function say(row, text) {
  row.querySelector(":scope > .says").textContent = text;
}

function recount(row, delta) {
  const group = row.closest(".group");
  const inGroup = group && group.querySelector("[data-group-count]");
  const numbers = [inGroup, ...document.querySelectorAll(".tabs [aria-current] [data-count]")];
  for (const number of numbers) {
    if (number && /^\d+$/.test(number.textContent)) number.textContent = Math.max(0, Number(number.textContent) + delta);
  }
}

async function post(form, submitter) {
  const row = form.closest("[data-row]");
  const body = new FormData(form);
  const choosing = row.querySelector(".check") ? { "X-Choosing": "yes" } : {};
  const multipart = form.enctype === "multipart/form-data";
  row.classList.add("busy");
  try {
    const answer = await fetch(submitter?.hasAttribute("formaction") ? submitter.formAction : form.action, { method: "POST", headers: { ...AJAX, ...choosing }, body: multipart ? body : new URLSearchParams(body) });
    const text = await answer.text();
    if (answer.headers.get("X-Swap") === "row") {
      const fresh = element(text);
      if (row.dataset.state !== fresh.dataset.state) recount(row, row.dataset.state === "open" ? -1 : 1);
      row.replaceWith(fresh);
      chosen();
      return;
    }
    const told = answer.headers.get("Content-Type")?.startsWith("text/html") ? element(text) : null;
    say(row, told && told.matches(".says") ? told.textContent : text.slice(0, 200));
  } catch {
    say(row, document.body.dataset.offline);
  }
  row.classList.remove("busy");
}

function chosen() {
  const bulk = document.getElementById("bulk");
  if (!bulk) return;
  const boxes = [...document.querySelectorAll(".check input:checked")];
  bulk.querySelector("[data-chosen]").textContent = boxes.length;
  bulk.querySelector("button[data-plain]").disabled = boxes.some((box) => !box.matches("[data-plain]"));
}

async function load(box, address) {
  box.textContent = document.body.dataset.loading;
  try {
    const answer = await fetch(address, { headers: AJAX });
    box.innerHTML = await answer.text();
  } catch {
    box.textContent = document.body.dataset.offline;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-swap]")) return;
  event.preventDefault();
  if (!event.target.closest("[data-row]").classList.contains("busy")) post(event.target, event.submitter);
});
document.addEventListener("change", (event) => {
  const picked = event.target.matches("input[type=file]") && event.target.files[0];
  if (picked) event.target.closest(".pick").querySelector(".name").textContent = picked.name;
  if (event.target.matches(".check input")) chosen();
  const form = event.target.closest("form[data-auto]");
  if (form) form.requestSubmit();
});
document.addEventListener("toggle", (event) => {
  const step = event.target;
  if (!step.matches?.("details[data-lazy]") || !step.open || step.dataset.loaded) return;
  step.dataset.loaded = "yes";
  load(step.querySelector(".inside"), step.dataset.lazy);
}, true);
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-all]")) {
    const boxes = [...document.querySelectorAll(".check input")];
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = !all;
    chosen();
    return;
  }
  const link = event.target.closest("a[data-into]");
  const box = link && link.closest("details .inside");
  if (!box) return;
  event.preventDefault();
  load(box, link.href);
});
addEventListener("pageshow", chosen);
