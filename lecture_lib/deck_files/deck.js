/* Typeset, fit, start. `deckReady` becomes true when all that can be seen is in place. ?print shows all pages, one below another. */
(function () {
  "use strict";
  const root = document.documentElement, body = document.body;
  const asked = new URLSearchParams(location.search);
  const printing = asked.has("print");
  const SMALLEST = 18;

  function theme(name) { root.dataset.theme = name; }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  theme(printing ? "light" : asked.get("theme") || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", e => { if (!printing) theme(e.matches ? "dark" : "light"); });

  /* A picture takes the room that is left, up to its own size in pixels. Text gives way where it would get less than this. */
  const LEAST_FIGURE = 0.66;

  function roomForFigure(figure) {
    const images = [...figure.querySelectorAll("img")].filter(image => image.offsetParent);
    images.forEach(image => { image.style.width = image.style.height = "0px"; });
    const others = [...figure.children].reduce((sum, child) => sum + child.offsetHeight, 0);
    const [width, height] = [figure.clientWidth, (figure.clientHeight - others) / images.length];
    return images.map(image => {
      const scale = Math.max(0, Math.min(1, width / image.naturalWidth, height / image.naturalHeight));
      image.style.width = scale * image.naturalWidth + "px";
      image.style.height = scale * image.naturalHeight + "px";
      return scale * image.naturalHeight / Math.min(image.naturalHeight / 1.5, 500);
    });
  }

  function crowded(page) {
    const shares = [...page.querySelectorAll(".figure")].flatMap(roomForFigure);
    if (page.scrollHeight > page.clientHeight + 1 || page.scrollWidth > page.clientWidth + 1) return true;
    if ([...page.querySelectorAll(".part")].some(part => part.scrollWidth > part.clientWidth + 1)) return true;
    return shares.some(share => share < LEAST_FIGURE);
  }

  /* Code and printed lines: as large as their longest line allows; what would get too small is broken into several. */
  function fitLines(pre) {
    const page = pre.closest(".page");
    const fits = () => pre.scrollWidth <= pre.clientWidth && pre.offsetHeight <= page.clientHeight - 130;
    pre.style.whiteSpace = "";
    for (let size = 22; size >= 15; size -= 0.5) {
      pre.style.fontSize = size + "px";
      if (fits()) return;
    }
    pre.style.whiteSpace = "pre-wrap";
    for (let size = 17; size >= 13 && !fits(); size -= 0.5) pre.style.fontSize = size + "px";
  }

  /* A formula that is too wide for its page is set smaller, by itself, down to 70 %. */
  function fitFormula(formula) {
    formula.style.fontSize = "";
    for (let share = 100; formula.scrollWidth > formula.parentElement.clientWidth + 1 && share > 70; share -= 2) {
      formula.style.fontSize = share - 2 + "%";
    }
  }

  function fit(page) {
    page.querySelectorAll('mjx-container[display="true"]').forEach(fitFormula);
    page.querySelectorAll("pre").forEach(fitLines);
    for (let size = 27; crowded(page) && size > SMALLEST; size -= 0.5) page.style.fontSize = size - 0.5 + "px";
    page.querySelectorAll(".figure").forEach(figure => figure.classList.add("sized"));
  }

  async function start() {
    body.classList.add("laid-out");
    await MathJax.startup.promise;
    await MathJax.typesetPromise();
    await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
    document.querySelectorAll("section.page").forEach(fit);
    if (printing) { window.deckReady = true; return; }
    body.classList.remove("laid-out");
    await Reveal.initialize({
      width: 1280, height: 720, margin: 0, minScale: 0.2, maxScale: 3, center: false, display: "flex", hash: true,
      slideNumber: "c/t", transition: "none", backgroundTransition: "none", plugins: [RevealNotes],
      keyboard: { 68: () => theme(root.dataset.theme === "dark" ? "light" : "dark") }
    });
    window.deckReady = true;
  }
  start();
})();
