// What the server told the page, and where the API is: under whatever stands before the content path in the address bar.
export const config = JSON.parse(document.getElementById('config').textContent);

const at = location.pathname.indexOf(config.ContentPath);

/** The prefix that a proxy put before everything; '' without one. */
export const prefix = at > 0 ? location.pathname.slice(0, at) : '';

/** The base of all pages, with a slash at both ends. */
export const base = prefix + config.ContentPath;
