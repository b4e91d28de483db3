// Debian's Chromium for tests: one browser, one page at a time.
import { existsSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a Chromium is; undefined without one. */
export const chromium = PLACES.find((place) => place && existsSync(place));

/** Why browser tests are left out; false if they run. In CI a machine without Chromium fails. */
export const skip = !chromium && !process.env.CI ? 'no Chromium on this machine: apt-get install chromium' : false;

/** Starts the browser. */
export function launch() {
  if (!chromium) throw new Error('no Chromium on this machine: apt-get install chromium');
  return puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu', '--lang=en'] });
}

/** A page whose complaints (console errors, refusals of the policy, exceptions) are collected. */
export async function open(browser, { width = 1440, height = 900, language = 'en', dark = false } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => { if (['error', 'warn'].includes(message.type()) && !/Failed to load resource/.test(message.text())) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
  await page.evaluateOnNewDocument((name) => {
    Object.defineProperty(navigator, 'language', { get: () => name });
  }, language);
  return { page, complaints, close: () => context.close() };
}
