/// <reference lib="dom" />
// Questions that only the browser can answer. These functions run in the page, so each stands alone.

/** What is wider than the page, or reaches out of what it is in. */
export function overflowing(): readonly string[] {
  const found: string[] = [];
  const report = (element: Element, why: string) => {
    const text = (element.textContent ?? '').trim().slice(0, 60);
    found.push(`${element.tagName.toLowerCase()}.${element.getAttribute('class')} ${why}: ${text}`);
  };
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page: ${scrollWidth} > ${clientWidth}`);
  for (const element of document.body.querySelectorAll<HTMLElement>('*')) {
    const { left, right, width } = element.getBoundingClientRect();
    // Things for screen readers only are out of sight on purpose.
    const hidden = width === 0 || element.closest('.skip, .signs') !== null || right < 0;
    if (hidden) continue;
    if (left < -0.5 || right > clientWidth + 0.5) report(element, `${left}..${right}`);
    const wider = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
    if (wider && element instanceof HTMLElement) {
      const { overflowX, display } = getComputedStyle(element);
      if (display !== 'inline') report(element, `cut or scrolled (${overflowX})`);
    }
  }
  for (const drawing of document.querySelectorAll('figure svg')) {
    let box: DOMRect | null = null;
    for (const part of drawing.querySelectorAll('rect, text')) {
      const place = part.getBoundingClientRect();
      if (part.tagName === 'rect') box = place;
      else if (box === null || place.right > box.right - 2 || place.bottom > box.bottom) {
        report(part, 'out of its box');
      }
    }
  }
  return found;
}

/** The text of the page, with one space for any white space. */
export function textOfPage(): string {
  return (document.body.textContent ?? '').replace(/\s+/gu, ' ');
}

/** The sentences of paragraphs, lists and tables, without labels of fields and contents. */
export function sentences(): readonly string[] {
  const blocks = [...document.querySelectorAll('header p, main :is(p, li, th, td, dt, dd, samp)')];
  return blocks
    .filter((block) => block.querySelector('input[type="text"]') === null)
    .flatMap((block) => (block.textContent ?? '').replace(/\s+/gu, ' ').split(/(?<=[.:]) /u))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}

/** What the keyboard should reach, in the order of the page. */
export function reachable(): readonly string[] {
  return [...document.querySelectorAll('a[href], input')].map((element, index) => {
    element.setAttribute('data-stop', String(index));
    return String(index);
  });
}

/** What has the focus: its number, and whether that can be seen. */
export function focused(): { readonly stop: string; readonly seen: boolean } {
  const element = document.activeElement ?? document.body;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const { left, width } = element.getBoundingClientRect();
  return {
    stop: element.getAttribute('data-stop') ?? '',
    seen: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 && left >= 0 && width > 0,
  };
}

/** Elements with a selector that are shown. */
export function shown(selector: string): number {
  return [...document.querySelectorAll(selector)].filter((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility === 'visible';
  }).length;
}
