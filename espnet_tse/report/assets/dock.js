// What is seen of the player: a bar at the bottom of the page, and the utterance's card with its play heads.
const CARDS = new Map(DATA.flatMap((group) => Object.values(group.cards)).map((card) => [card.id, card]));
const dock = {
  card: null,
  toggle: h("button", { type: "button", class: "toggle", "aria-label": "play or pause" }, "▶"),
  name: h("a", { class: "utt" }),
  signals: h("div", { class: "signals", role: "group", "aria-label": "signal" }),
  slider: h("input", { type: "range", min: 0, step: 0.001, "aria-label": "place in seconds" }),
  time: h("output"),
  close: h("button", { type: "button", class: "close", "aria-label": "close the player" }, "×"),
};
dock.bar = h(
  "aside",
  { id: "dock", hidden: true, "aria-label": "player" },
  dock.toggle,
  h("div", { class: "what" }, dock.name, dock.signals),
  h("div", { class: "where" }, dock.slider, dock.time),
  dock.close
);
document.body.append(dock.bar);
const player = new Player(showPlayer);

/** Play a signal of an utterance, from its place or from ``seconds``. */
function hear(id, signal, seconds) {
  if (dock.card?.id !== id) {
    dock.card = CARDS.get(id);
    player.open(dock.card.signals);
    dock.name.textContent = dock.card.utt;
    dock.name.href = `#${id}`;
    dock.signals.replaceChildren(...dock.card.signals.map((each, index) => signalButton(each, index)));
    dock.bar.hidden = false;
    document.body.classList.add("docked");
  }
  player.select(signal);
  if (seconds !== undefined) player.seek(seconds);
  if (!player.playing) player.play();
  showPlayer();
}

function signalButton(signal, index) {
  const key = index < 9 ? h("kbd", {}, index + 1) : "";
  const button = h("button", { type: "button", class: "pick", disabled: !signal.audio }, key, signal.label);
  button.addEventListener("click", () => player.select(index));
  return button;
}

function showPlayer() {
  const { card } = dock;
  if (!card) return;
  document.querySelectorAll(".utterance.open").forEach((old) => old.id !== card.id && showTiles(old, -1));
  showTiles(document.getElementById(card.id), player.active);
  [...dock.signals.children].forEach((button, index) => {
    button.setAttribute("aria-pressed", index === player.active);
  });
  dock.toggle.textContent = player.playing ? "❚❚" : "▶";
  if (player.active < 0) return;
  dock.slider.max = player.duration;
  dock.slider.value = player.place;
  dock.time.textContent = player.error || `${player.place.toFixed(1)} / ${player.duration.toFixed(1)} s`;
}

function showTiles(article, active) {
  article.classList.toggle("open", active >= 0);
  for (const tile of article.querySelectorAll(".clip[data-signal]")) {
    const signal = Number(tile.dataset.signal);
    tile.classList.toggle("active", signal === active);
    tile.querySelector(".pick").setAttribute("aria-pressed", signal === active);
    if (active < 0) continue;
    const share = placeOn(signal) / player.signals[signal].seconds;
    tile.querySelector(".head").style.left = `${Math.min(100, 100 * share)}%`;
  }
}

const placeOn = (signal) =>
  player.lineOf(signal) === player.line ? player.place : player.places[player.lineOf(signal)];

dock.toggle.addEventListener("click", () => player.toggle());
dock.slider.addEventListener("input", () => player.seek(Number(dock.slider.value)));
dock.close.addEventListener("click", closeDock);

function closeDock() {
  player.close();
  if (dock.card) showTiles(document.getElementById(dock.card.id), -1);
  dock.card = null;
  dock.bar.hidden = true;
  document.body.classList.remove("docked");
}

document.getElementById("listen").addEventListener("click", (event) => {
  const tile = event.target.closest(".clip[data-signal]");
  if (!tile) return;
  const { id } = tile.closest(".utterance");
  const signal = Number(tile.dataset.signal);
  const picture = event.target.closest(".picture");
  if (picture) {
    const box = picture.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    hear(id, signal, share * CARDS.get(id).signals[signal].seconds);
  } else if (event.target.closest(".pick")) {
    if (dock.card?.id === id && player.active === signal) player.toggle();
    else hear(id, signal);
  }
});

// Digits pick a signal, space plays and pauses; a space on other buttons, fields and links is theirs.
const isText = (target) => target.closest("input:not([type=range]), select, textarea");
const isOurs = (target) => !isText(target) && !target.closest("a, button:not(.pick):not(.toggle)");
document.addEventListener("keydown", (event) => {
  if (!dock.card || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") closeDock();
  else if (/^[1-9]$/.test(event.key) && !isText(event.target)) player.select(Number(event.key) - 1);
  else if (event.key === " " && isOurs(event.target)) {
    event.preventDefault();
    player.toggle();
  }
});
// A button is pressed when space goes up again.
document.addEventListener("keyup", (event) => {
  if (dock.card && event.key === " " && isOurs(event.target)) event.preventDefault();
});
