// Looks at the dashboard's widget as a browser shows it: light and dark, wide and narrow. Fails where a text can't be read
// on its background, where something is cut off or loaded, or where the browser complains. Leaves pictures beside the pages.
//
// usage: node look.mjs FOLDER    with widget-light.html and widget-dark.html, as `cargo demo` writes them

import { readFile } from "node:fs/promises";
import { join } from "node:path";

// Before the browser's module is read: it then brings the libraries that the machine may lack.
process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs20.x";
process.env.AWS_EXECUTION_ENV ??= "AWS_Lambda_nodejs20.x";
process.env.AWS_LAMBDA_FUNCTION_NAME ??= "look";
const { default: chromium } = await import("@sparticuz/chromium");
const { default: puppeteer } = await import("puppeteer-core");

// The console's own backgrounds, and the least contrast of WCAG 2.2, level AA.
const BACKGROUNDS = { light: "rgb(255, 255, 255)", dark: "rgb(22, 29, 38)" };
const CONTRAST = 4.5;
// What the console does with the response: it hides the parameters of buttons, and gives buttons a frame.
const CONSOLE = "cwdb-action{display:none} a.btn{display:inline-block;padding:1px 10px;border:1px solid currentColor;border-radius:12px;cursor:pointer}";
const WIDTHS = [1200, 390];

const folder = process.argv[2] ?? "target/demo";
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage"],
  headless: "shell",
});
const problems = [];
try {
  for (const [theme, background] of Object.entries(BACKGROUNDS)) {
    const body = await readFile(join(folder, `widget-${theme}.html`), "utf8");
    for (const width of WIDTHS) {
      problems.push(...(await look(theme, background, body, width)).map((problem) => `${theme}, ${width} px: ${problem}`));
    }
  }
} finally {
  await browser.close();
}
problems.forEach((problem) => console.error(problem));
console.log(problems.length === 0 ? `the widget reads well; its pictures are in ${folder}` : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function look(theme, background, body, width) {
  const page = await browser.newPage();
  const found = [];
  page.on("request", (request) => found.push(`it loads ${request.url()}`));
  page.on("pageerror", (error) => found.push(`${error}`));
  await page.setViewport({ width, height: 800 });
  await page.setContent(`<style>${CONSOLE}</style><body style="margin:8px;background:${background};font-family:sans-serif;font-size:13px">${body}</body>`);
  found.push(...(await page.evaluate(unreadable, CONTRAST)));
  await page.screenshot({ path: join(folder, `widget-${theme}-${width}.png`), fullPage: true });
  await page.close();
  return found;
}

// Runs in the page.
function unreadable(least) {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  if (document.querySelector("script, iframe, use, object, form, link")) found.push("it has an element that CloudWatch takes out");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`it is ${document.documentElement.scrollWidth} px wide`);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (text === "" || getComputedStyle(element).display === "none") continue;
    count += 1;
    const [light, dark] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < least) found.push(`contrast ${contrast.toFixed(1)} of "${text.slice(0, 40)}"`);
    if (/undefined|null|NaN/.test(text)) found.push(`it says "${text.slice(0, 40)}"`);
  }
  if (count < 20) found.push(`it has ${count} texts`);
  return found;
}
