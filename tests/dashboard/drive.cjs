// Looks at the dashboard with a real Chromium, as people do: the cut appears without a reload, the tree marks the right element, plots have
// points, nothing is wider than a phone, axe-core finds nothing, and everything can be read without a script.
// Arguments: the URL, and a folder for screenshots or nothing. Prints one JSON object with what it saw; any surprise ends it with an error.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const puppeteer = require('puppeteer-core');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const DESKTOP = { width: 1440, height: 1000 };
const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true };
const PATIENCE = 120_000;

async function main(url, shots) {
  const browser = await puppeteer.launch({
    executablePath: process.env.OLTWATCH_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-proxy-server', '--disable-background-networking'],
  });
  const seen = { pages: 0, shots: 0 };
  try {
    await look(browser, url, shots, seen);
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(seen));
}

/// A page whose complaints are ours: a script that fails, what the policy refuses, what is not found.
async function open(browser, size, theme, troubles) {
  const page = await browser.newPage();
  await page.setViewport(size);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
  await page.setExtraHTTPHeaders({ 'Accept-Language': 'en' });
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') troubles.push(message.text()); });
  page.on('response', (answer) => { if (answer.status() >= 400) troubles.push(`${answer.status()} ${answer.url()}`); });
  page.on('request', (request) => { if (!request.url().startsWith('http://127.0.0.1:') && !request.url().startsWith('data:')) troubles.push(`elsewhere: ${request.url()}`); });
  return page;
}

async function look(browser, url, shots, seen) {
  const troubles = [];
  const page = await open(browser, DESKTOP, 'light', troubles);
  await page.goto(url, { waitUntil: 'load' });
  await page.evaluate(() => { window.sameDocument = true; });
  await page.waitForSelector('#incidents .card h3 a', { timeout: PATIENCE });
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'the cut appeared without a reload');
  seen.cut = await page.$eval('#incidents .card h3 a', (link) => link.textContent);
  await page.waitForFunction(() => document.getElementById('open-count').textContent !== '' && document.querySelector('#connection.live'), { timeout: PATIENCE });

  // The keyboard.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'q');

  const incident = new URL(await page.$eval('#incidents .card h3 a', (link) => link.href)).pathname;
  const told = (await (await fetch(`${url}/api/v1${incident}`)).json());
  await page.goto(url + incident, { waitUntil: 'load' });
  seen.suspected = await page.$$eval('.branch.suspected > strong', (all) => all.map((one) => one.textContent));
  assert.deepEqual(seen.suspected, [told.place.element.name], 'the tree marks the element that the incident names');
  assert.equal((await page.$$('.map .cable.suspected')).length >= 1 && (await page.$$('.map .fault')).length === 1, true);
  seen.customers = (await page.$$('#clients tbody tr')).length;
  assert.equal(seen.customers, Math.min(100, told.onus.length));
  const pon = new URL(await page.$eval('#clients tbody td a[href^="/pons/"]', (link) => link.href)).pathname;
  await page.goto(url + pon, { waitUntil: 'load' });
  const onu = new URL(await page.$eval('#onus tbody tr:has(.chip.good) th a', (link) => link.href)).pathname;
  assert.equal((await page.$$('#onus svg.level')).length > 0, true);
  // Its levels were read at least twice by then, or soon will be.
  for (let tries = 0; ; tries += 1) {
    await page.goto(url + onu, { waitUntil: 'load' });
    seen.steps = await page.$$eval('.steps.onu', (paths) => paths.map((one) => one.getAttribute('d')).join('').replace(/[^HV]/g, '').length);
    if (seen.steps >= 2) break;
    assert.equal(tries < 60, true, 'the history has its points');
    await new Promise((done) => setTimeout(done, 1000));
  }
  const olt = `/olts/${pon.split('/')[2]}`;
  await page.goto(url + olt, { waitUntil: 'load' });
  assert.equal((await page.$$('#pons .cell')).length > 0, true);
  await page.close();

  const pages = { now: '/', incident, olt, pon, onu, onus: '/onus?state=down', incidents: '/incidents', olts: '/olts' };
  for (const [name, where] of Object.entries(pages)) {
    for (const [form, size, theme] of [['desktop', DESKTOP, 'light'], ['desktop', DESKTOP, 'dark'], ['phone', PHONE, 'light'], ['phone', PHONE, 'dark']]) {
      await inspect(browser, { name, url: url + where, form, size, theme, shots }, seen, troubles);
    }
  }
  await withoutScript(browser, url, incident);
  assert.deepEqual(troubles, []);
}

/// One page at one size in one theme: as wide as its window, and nothing that axe-core finds.
async function inspect(browser, { name, url, form, size, theme, shots }, seen, troubles) {
  const page = await open(browser, size, theme, troubles);
  await page.setBypassCSP(true); // only so that axe-core may be put into it
  await page.goto(url, { waitUntil: 'load' });
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  if (inner > outer) troubles.push(`${name} ${form}: ${inner} of ${outer} px`);
  await page.evaluate(AXE);
  const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  const wrong = found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.html} ${node.any.map((why) => why.message).join()}`).join(' | ')}`);
  troubles.push(...wrong.map((one) => `${name} ${form} ${theme}: ${one}`));
  seen.pages += 1;
  if (shots) {
    await page.screenshot({ path: path.join(shots, `${name}-${form}-${theme}.png`), fullPage: true });
    seen.shots += 1;
  }
  await page.close();
}

/// Everything can be read where no script runs.
async function withoutScript(browser, url, incident) {
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  for (const [where, what] of [['/', '#incidents .card h3 a'], [incident, '.branch.suspected'], ['/onus', '#list tbody tr']]) {
    await page.goto(url + where, { waitUntil: 'load' });
    assert.equal((await page.$$(what)).length > 0, true, `${where} without a script`);
  }
  await page.close();
}

main(process.argv[2], process.argv[3]).catch((error) => { console.error(error); process.exit(1); });
