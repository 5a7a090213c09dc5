// Each group gets its charts and its table; a point or row leads to its audio, or says how to get it.
function buildGroup(group, number) {
  const tableBox = document.getElementById(`table${number}`);
  if (!tableBox) return; // no per-utterance scores
  const notice = h("p", { class: "notice", role: "status", hidden: true });
  const table = new UtteranceTable(tableBox, group, hearRow);
  tableBox.prepend(notice);
  tableBox.addEventListener("input", () => {
    notice.hidden = true; // what is looked for now is the reader's own choice
  });

  function filter(wanted, text = "") {
    notice.textContent = text;
    notice.hidden = !text;
    table.filter(wanted);
    tableBox.scrollIntoView({ block: "start" });
  }

  function hearRow(utt, system) {
    const { id, signals } = group.cards[utt];
    const signal = signals.findIndex((each) => each.system === system && each.audio);
    if (signal >= 0) hear(id, signal);
  }

  function hearPoint(utt, system) {
    const key = group.utts[utt];
    const card = group.cards[utt];
    const how = `${key} has no audio on this page; espnet-tse report --utts ${key} puts it here.`;
    if (!card) return filter({ words: [key] }, how);
    location.hash = card.id;
    hearRow(utt, system);
  }

  if (group.columns.length) new Charts(document.getElementById(`charts${number}`), { group, hear: hearPoint, filter });
}
DATA.forEach(buildGroup);
