"use strict";
document.documentElement.classList.add("js");

// Players: one sounds at a time; the spectrogram shows the place and takes clicks.
const clipOf = (audio) => audio.closest(".clip");
let wanted = null; // the last one asked for: a slower one must not start over it
const start = (audio, share) => {
  wanted = audio;
  const go = () => {
    if (wanted !== audio) return;
    if (share !== undefined) audio.currentTime = share * audio.duration;
    audio.play();
  };
  if (audio.readyState) return go();
  audio.addEventListener("loadedmetadata", go, { once: true });
  audio.preload = "auto";
  audio.load();
};
document.querySelectorAll(".clip audio").forEach((audio) => {
  const clip = clipOf(audio);
  const button = clip.querySelector(".play");
  const head = clip.querySelector(".head");
  const follow = () => {
    head.style.left = `${(100 * audio.currentTime) / (audio.duration || 1)}%`;
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.controls = false;
  audio.addEventListener("play", () => {
    document.querySelectorAll(".clip audio").forEach((other) => other !== audio && other.pause());
    clip.classList.add("playing");
    button.textContent = "❚❚";
    follow();
  });
  audio.addEventListener("pause", () => {
    clip.classList.remove("playing");
    button.textContent = "▶";
  });
  clip.querySelector(".picture").addEventListener("click", (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    start(audio, (event.clientX - box.left) / box.width);
  });
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-audio]");
  if (!button) return;
  const audio = document.getElementById(button.dataset.audio);
  if (audio.paused) start(audio);
  else audio.pause();
});

// Tables: a click on a head sorts, a second one turns the order; empty cells stay last.
const valueOf = (cell) => {
  if (cell.dataset.value === undefined) return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
};
const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
document.querySelectorAll("table.sortable").forEach((table) => {
  const body = table.tBodies[0];
  table.querySelectorAll("thead button").forEach((button) =>
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const keyed = [...body.rows].map((row) => [valueOf(row.cells[head.cellIndex]), row]);
      keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
      body.append(...keyed.map(([, row]) => row));
    })
  );
});
document.querySelectorAll("input[data-filter]").forEach((input) => {
  const rows = document.getElementById(input.dataset.filter).tBodies[0].rows;
  const count = document.getElementById(input.dataset.count);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  });
});
