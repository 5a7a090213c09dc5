// A wide table says that it goes on: its card carries "more" while columns lie beyond the right edge,
// "scrolled" while some lie under the first column.
for (const card of document.querySelectorAll(".edged")) {
  const box = card.querySelector(".scroll");
  const mark = () => {
    card.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    card.classList.toggle("scrolled", box.scrollLeft > 1);
  };
  box.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(box);
}
