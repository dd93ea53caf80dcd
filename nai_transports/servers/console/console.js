// The emulator's console. It asks only the emulator that served it, by relative addresses, so that it also works where the
// emulator is mounted below a path. Whatever the emulator tells goes into the page as text nodes.

const POLL_MS = 500;
const RETRY_MS = 2000;
const MOST_REQUESTS = 500; // older ones leave the list; the emulator's own list is bounded too
const LONGEST_TEXT = 20_000; // characters of one text that are shown
const LONGEST_LINE = 76; // characters of an object that is shown in one line
const MOST_VALUES = 3000; // values of one JSON document that are shown
const ACCOUNTS_MS = 2000;
const KEY = "nai-emulator-key";

const shown = new Map(); // what each part of the page shows, as JSON

/** Is this another value than the one that a part of the page shows? To draw the same again would take the focus away. */
function isNew(part, value) {
  const text = JSON.stringify(value);
  if (shown.get(part) === text) return false;
  shown.set(part, text);
  return true;
}

const announce = (text) => (byId("announcement").textContent = text);
const byId = (id) => document.getElementById(id);

/** Create an element; properties are set as properties, dashed names as attributes. */
function create(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// ---- The emulator

class KeyRefused extends Error {}

/** Take the key out of the address, so that it is in no history and on no screenshot. */
function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
}

async function ask(path, { method = "GET", json } = {}) {
  const headers = { "X-Emulator-Key": sessionStorage.getItem(KEY) ?? "" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = json === undefined ? undefined : JSON.stringify(json);
  const response = await fetch(path, { method, headers, body, cache: "no-store", credentials: "omit" });
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  const message = told?.message ?? `${method} ${path}: status ${response.status}`;
  throw response.status === 401 || response.status === 403 ? new KeyRefused(message) : new Error(message);
}

const askJson = async (...what) => (await ask(...what)).json();

/** Run what a person asked for, and show what went wrong. */
async function attempt(action) {
  showProblem("");
  try {
    await action();
  } catch (error) {
    if (error instanceof KeyRefused) wantKey(error.message);
    else showProblem(error.message);
  }
}

function showProblem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

function wantKey(problem = "") {
  sessionStorage.removeItem(KEY);
  showProblem(problem);
  showConnection("off", "not open");
  byId("key-form").hidden = false;
  document.querySelector("main").hidden = true;
  byId("key").focus();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId("key").value.trim());
  byId("key").value = "";
  start();
});

function showConnection(state, text) {
  if (!isNew("connection", [state, text])) return;
  byId("connection").className = state;
  byId("connection").textContent = text;
}

// ---- How values are written

function formatTime(iso) {
  const time = new Date(iso);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function formatSeconds(seconds) {
  if (seconds === null || seconds === undefined) return "";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}

function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return "";
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

const ENDINGS = { cut: "cut", left: "client left" };
const isRunning = (request) => !request.ending;
const isFailure = (request) => request.status >= 400 || request.ending === "cut" || request.ending === "left";

function formatStatus(request) {
  if (isRunning(request)) return request.status ? `${request.status} …` : "…";
  return [request.status, ENDINGS[request.ending]].filter(Boolean).join(" ");
}

function statusClass(request) {
  if (isRunning(request)) return "running";
  if (request.ending !== "complete" || request.status >= 500) return "bad";
  return request.status >= 400 ? "warn" : "good";
}

// ---- The list of requests

const rows = new Map(); // by number: { request, row, cells }
let last = 0;
let opened = null; // the number of the request in the detail

function receiveRequests({ requests, last: newest }) {
  if (newest < last) clearRequests(); // another emulator is there now
  last = newest;
  const fresh = requests.filter((request) => !rows.has(request.number));
  for (const request of requests) putRequest(request);
  for (const number of [...rows.keys()].sort((a, b) => a - b).slice(0, Math.max(0, rows.size - MOST_REQUESTS))) dropRequest(number);
  if (requests.length) {
    announceRequests(fresh);
    updateList();
  }
  const shownRequest = rows.get(opened)?.request;
  if (shownRequest && (isRunning(shownRequest) || requests.includes(shownRequest))) showDetail(opened);
}

function putRequest(request) {
  let entry = rows.get(request.number);
  if (!entry) {
    const cells = Array.from({ length: 10 }, (_, column) => create("td", { className: column === 0 || column > 6 ? "number" : "" }));
    entry = { cells, row: create("tr", { tabIndex: -1, "aria-selected": "false" }, ...cells) };
    entry.row.dataset.number = request.number;
    rows.set(request.number, entry);
    const newer = [...byId("requests").rows].findLast((row) => Number(row.dataset.number) > request.number);
    if (newer) newer.after(entry.row);
    else byId("requests").prepend(entry.row);
  }
  const texts = [
    String(request.number), formatTime(request.time), request.method, request.path, request.model ?? "", request.account ?? "–",
    formatStatus(request), formatSeconds(request.seconds), formatBytes(request.received_bytes), formatBytes(request.sent_bytes),
  ];
  const status = entry.cells[6];
  entry.cells.forEach((cell, column) => {
    if (cell.textContent !== texts[column]) cell.textContent = texts[column];
  });
  entry.cells[1].title = request.time;
  entry.cells[3].title = request.path;
  status.className = statusClass(request);
  status.title = request.reason ?? "";
  entry.request = request;
}

function dropRequest(number) {
  rows.get(number).row.remove();
  rows.delete(number);
}

function clearRequests() {
  for (const number of [...rows.keys()]) dropRequest(number);
  closeDetail();
  updateList();
}

function updateList() {
  const text = byId("filter").value.trim().toLowerCase();
  const onlyFailures = byId("failures").checked;
  for (const { request, row } of rows.values()) {
    row.hidden = !request.path.toLowerCase().includes(text) || (onlyFailures && !isFailure(request));
  }
  const visible = visibleRows();
  byId("count-requests").textContent = rows.size || "";
  byId("shown").textContent = visible.length === rows.size ? "" : `${visible.length} of ${rows.size}`;
  byId("no-requests").hidden = visible.length > 0;
  byId("no-requests").textContent = rows.size
    ? "No request fits the filter."
    : "No request yet. What a program asks of the emulator appears here.";
  if (!visible.some((row) => row.tabIndex === 0)) selectable(visible[0]);
  const paths = [...new Set([...rows.values()].map(({ request }) => request.path))].sort();
  if (isNew("paths", paths)) byId("paths").replaceChildren(...paths.map((value) => create("option", { value })));
}

const visibleRows = () => [...byId("requests").rows].filter((row) => !row.hidden);

/** Make one row the one that Tab reaches. */
function selectable(row) {
  for (const other of byId("requests").rows) other.tabIndex = other === row ? 0 : -1;
}

function announceRequests(fresh) {
  if (!fresh.length) return;
  const { method, path, ...newest } = fresh.at(-1);
  announce(`${fresh.length === 1 ? "New request" : `${fresh.length} new requests, the last one`}: ${method} ${path} ${formatStatus(newest)}`);
}

byId("requests").addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  if (row) openRow(row);
});

byId("requests").addEventListener("keydown", (event) => {
  const visible = visibleRows();
  const at = visible.indexOf(event.target.closest("tr"));
  const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: visible.length - 1, PageDown: at + 15, PageUp: at - 15 }[event.key];
  if (step !== undefined) {
    const row = visible[Math.min(Math.max(step, 0), visible.length - 1)];
    selectable(row);
    row.focus();
    if (opened !== null) openRow(row);
  } else if (event.key === "Enter" || event.key === " ") openRow(visible[at]);
  else return;
  event.preventDefault();
});

byId("filter").addEventListener("input", updateList);
byId("failures").addEventListener("change", updateList);
byId("clear").addEventListener("click", clearRequests);

// ---- One request

function openRow(row) {
  selectable(row);
  for (const other of byId("requests").rows) other.setAttribute("aria-selected", String(other === row));
  opened = Number(row.dataset.number);
  showDetail(opened);
}

function closeDetail() {
  const entry = rows.get(opened);
  opened = null;
  byId("detail").hidden = true;
  byId("view-requests").classList.remove("split");
  shown.delete("detail");
  entry?.row.setAttribute("aria-selected", "false");
  entry?.row.focus();
}

function showDetail(number) {
  return attempt(async () => {
    const request = await askJson(`requests/${number}`);
    if (opened !== number || !isNew("detail", request)) return; // another one was opened meanwhile, or nothing has changed
    const detail = byId("detail");
    putRequest(request);
    const scrolled = detail.dataset.number === String(number) ? detail.scrollTop : 0;
    detail.replaceChildren(...describeRequest(request));
    detail.hidden = false;
    byId("view-requests").classList.add("split");
    detail.dataset.number = number;
    detail.scrollTop = scrolled;
  });
}

function describeRequest(request) {
  const facts = [
    formatTime(request.time), request.account ?? "no account", formatSeconds(request.seconds),
    `${formatBytes(request.received_bytes)} received`, `${formatBytes(request.sent_bytes)} sent`,
  ];
  const copy = create("button", {}, "Copy as curl");
  copy.addEventListener("click", () => attempt(async () => {
    await navigator.clipboard.writeText(formatCurl(request));
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy as curl"), 1500);
  }));
  const fault = create("button", {}, "Fault for this path…");
  fault.addEventListener("click", () => openFaultForm(request.path));
  const reply = create("button", {}, "Reply for this path…");
  reply.addEventListener("click", () => openReplyForm(request.path));
  const close = create("button", { title: "Escape" }, "Close");
  close.addEventListener("click", closeDetail);
  return [
    create("div", { className: "title" },
      create("h2", {}, `${request.method} ${request.target}`),
      create("strong", { className: statusClass(request) }, formatStatus(request))),
    create("p", { className: "facts" }, facts.filter(Boolean).join(" · ")),
    create("div", { className: "actions" }, copy, fault, reply, close),
    request.reason ? create("p", { className: "reason" }, request.reason) : null,
    request.ignored.length ? create("p", { className: "facts" }, `ignored: ${request.ignored.join(", ")}`) : null,
    create("h3", {}, "Request"),
    ...showDocument(request.parameters),
    createFold("Request headers", showFields(request.request_headers)),
    create("h3", { className: "response" }, "Response"),
    ...showResponse(request.response ?? { kind: "none" }),
    createFold("Response headers", showFields(request.response_headers)),
  ].filter(Boolean);
}

const unfolded = new Set(["Events"]); // the parts of a request that a person wants to see, of every request

function createFold(name, content, more = "") {
  const fold = create("details", { open: unfolded.has(name) }, create("summary", {}, name + more), content);
  fold.addEventListener("toggle", () => (fold.open ? unfolded.add(name) : unfolded.delete(name)));
  return fold;
}

const showFields = (fields) => create("table", { className: "fieldlist" },
  create("tbody", {}, ...(fields ?? []).map(([name, value]) => create("tr", {}, create("td", {}, name), create("td", {}, value)))));

function showResponse(response) {
  switch (response.kind) {
    case "json": return showDocument(response.json);
    case "text": return [showValue(response.text)];
    case "events": return showStream(response.events);
    case "picture": return [showPicture(response)];
    case "pictures": return response.pictures.map(showPicture);
    case "frames": return showStream(response.frames.map((data) => ({ event: data?.event_type, data })));
    case "binary": return [create("p", { className: "quiet" }, `${formatBytes(response.bytes)} of binary data`)];
    default: return [create("p", { className: "quiet" }, "No body.")];
  }
}

/** Show what a stream has come to, its text or its latest picture, and then all events. */
function showStream(events) {
  const text = events.map(({ data }) => data?.token ?? data?.choices?.[0]?.delta?.content ?? data?.choices?.[0]?.text ?? "").join("");
  const latest = events.flatMap(({ data }) => takePictures(data)[1]).at(-1);
  const lines = events.map(({ event, data }) => {
    const [rest, pictures] = takePictures(data);
    return create("tr", {}, create("td", {}, event ?? ""), create("td", {}, ...highlight(rest, null), ...pictures.map(showPicture)));
  });
  return [
    ...(text ? [showValue(text)] : []),
    ...(latest ? [showPicture({ ...latest, name: "the latest picture" })] : []),
    createFold("Events", create("table", { className: "events" }, create("tbody", {}, ...lines)), ` (${events.length})`),
  ];
}

function showDocument(value) {
  const [rest, pictures] = takePictures(value);
  return [showValue(rest), ...pictures.map(showPicture)];
}

const PICTURES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"]);
const isPicture = (value) => typeof value?.base64 === "string" && typeof value.media_type === "string";

/** Return a document with names in the place of its pictures, and the pictures with these names. */
function takePictures(value) {
  const pictures = [];
  const rest = JSON.parse(JSON.stringify(value ?? null), (_, item) => {
    if (!isPicture(item)) return item;
    pictures.push({ ...item, name: `picture ${pictures.length + 1}` });
    return pictures.at(-1).name;
  });
  return [rest, pictures];
}

function showPicture({ name, media_type: type, base64 }) {
  const size = formatBytes(Math.floor((base64.length * 3) / 4));
  const caption = create("figcaption", {}, [name, type, size].filter(Boolean).join(" · "));
  if (!PICTURES.has(type)) return create("figure", {}, caption);
  const image = create("img", { alt: name ?? "the picture of the response", src: `data:${type};base64,${base64}` });
  image.addEventListener("load", () => caption.prepend(`${image.naturalWidth} × ${image.naturalHeight} · `));
  return create("figure", {}, image, caption);
}

/** Show a JSON value, or a text as it is. */
function showValue(value) {
  if (value === null || value === undefined || value === "") return create("p", { className: "quiet" }, "No body.");
  return create("pre", { tabIndex: 0 }, ...(typeof value === "string" ? cutText(value) : highlight(value)));
}

const cutText = (text) => text.length <= LONGEST_TEXT
  ? [text]
  : [text.slice(0, LONGEST_TEXT), create("span", { className: "cut" }, ` … ${text.length - LONGEST_TEXT} more characters`)];

/** Return the nodes of JSON with its keys and texts marked, as long as there is a budget of values; in one line without an indent. */
function highlight(value, indent = "", budget = { left: MOST_VALUES }) {
  const span = (className, ...children) => create("span", { className }, ...children);
  if (typeof value === "string") return [span("string", ...cutText(JSON.stringify(value)))];
  if (value === null || typeof value !== "object") return [span("atom", String(value))];
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const items = Object.entries(value);
  if (!items.length) return [open + close];
  const simple = items.every(([, item]) => item === null || typeof item !== "object");
  const flat = indent === null || (simple && (items.every(([, item]) => typeof item === "number") || JSON.stringify(value).length <= LONGEST_LINE));
  const deeper = flat ? null : `${indent}  `;
  const [before, between, after] = flat ? ["", ", ", ""] : [`\n${deeper}`, `,\n${deeper}`, `\n${indent}`];
  const nodes = [open];
  for (const [at, [key, item]] of items.entries()) {
    nodes.push(at ? between : before);
    if (--budget.left < 0) {
      nodes.push(span("cut", `… ${items.length - at} more`));
      break;
    }
    if (open === "{") nodes.push(span("key", JSON.stringify(key)), ": ");
    nodes.push(...highlight(item, deeper, budget));
  }
  return [...nodes, after + close];
}

const SKIPPED = new Set(["host", "content-length", "connection", "user-agent", "accept-encoding", "authorization", "expect", "transfer-encoding"]);

/** Return a command for a shell that asks the same, with the token in a variable. */
function formatCurl(request) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const { request_headers: fields, parameters, method, target } = request;
  const address = new URL(`..${target}`, location.href).href;
  const lines = [`curl${{ GET: "", HEAD: " --head" }[method] ?? ` -X ${method}`} ${quote(address)}`];
  if (fields.some(([name]) => name.toLowerCase() === "authorization")) lines.push('-H "Authorization: Bearer $NAI_TOKEN"');
  for (const [name, value] of fields) if (!SKIPPED.has(name.toLowerCase())) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  if (request.received_bytes) {
    const body = JSON.stringify(parameters, (_, value) => (isPicture(value) ? value.base64 : value));
    lines.push(`--data-raw ${quote(typeof parameters === "string" ? parameters : body)}`);
  }
  return lines.join(" \\\n  ");
}

// ---- Faults and replies: rules that act until they are used up

function showRules(name, rules, format, empty) {
  if (!isNew(name, rules)) return;
  const items = rules.map((rule, at) => {
    const remove = create("button", { "aria-label": `Remove ${format(rule)}` }, "Remove");
    remove.addEventListener("click", () => attempt(async () => {
      const { [name]: left } = await askJson(`${name}/${at}`, { method: "DELETE" });
      announce(`Removed: ${format(rule)}`);
      showRules(name, left, format, empty);
      (byId(name).querySelectorAll("button")[Math.min(at, left.length - 1)] ?? byId(`tab-${name}`)).focus();
    }));
    return create("li", {}, create("code", {}, format(rule)), remove);
  });
  byId(name).replaceChildren(...(items.length ? items : [create("li", { className: "empty" }, empty)]));
  byId(`count-${name}`).textContent = rules.length || "";
}

const showFaults = ({ faults }) => showRules("faults", faults, formatFault, "No fault is on.");
const showReplies = ({ replies }) => showRules("replies", replies, formatReply, "No reply waits: the model answers.");

function formatFault({ fault, ...options }) {
  const told = Object.entries(options).filter(([, value]) => value !== null).map(([name, value]) => `${name}=${value}`);
  return told.length ? `${fault}: ${told.join(", ")}` : fault;
}

function formatReply({ path, prompt, times = 1, text, status, ...more }) {
  const when = [path ?? "every path", prompt && `prompt with ${JSON.stringify(prompt)}`, times === null ? "always" : `${times} ×`];
  const rest = Object.keys(more).length ? JSON.stringify(more) : "";
  return `${when.filter(Boolean).join(" · ")} → ${[text && JSON.stringify(text), status, rest].filter(Boolean).join(" ")}`;
}

let kinds = [];

async function loadFaultKinds() {
  kinds = await askJson("faults/kinds");
  const chosen = byId("fault-kind").value;
  byId("fault-kind").replaceChildren(...kinds.map(({ name }) => create("option", { value: name }, name)));
  if (chosen) byId("fault-kind").value = chosen;
  showFaultOptions();
}

function showFaultOptions() {
  const kind = kinds.find(({ name }) => name === byId("fault-kind").value);
  const kept = Object.fromEntries([...byId("fault-options").querySelectorAll("[name]")].map((each) => [each.name, each.value]));
  byId("fault-summary").textContent = kind?.summary ?? "";
  byId("fault-options").replaceChildren(...(kind?.options ?? []).map(({ name, description, default: normal, choices }) => {
    const input = choices?.length
      ? create("select", { name }, create("option", { value: "" }, normal === null ? "–" : `${normal}`), ...choices.map((each) => create("option", { value: String(each) }, String(each))))
      : create("input", { name, placeholder: normal === null || normal === undefined ? "" : String(normal), autocomplete: "off" });
    if (kept[name]) input.value = kept[name];
    if (name === "path") input.setAttribute("list", "paths");
    return create("label", { className: "field" }, create("span", {}, name, " ", create("small", {}, description ?? "")), input);
  }));
}

/** Read an option as JSON, unless it is a text. */
function parseOption(text, option) {
  if (option?.is_text) return text;
  return /^(-?\d+(\.\d+)?|true|false)$/.test(text) ? JSON.parse(text) : text;
}

byId("fault-kind").addEventListener("change", showFaultOptions);

byId("fault-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const fault = { fault: byId("fault-kind").value };
  const { options } = kinds.find(({ name }) => name === fault.fault);
  for (const input of byId("fault-options").querySelectorAll("[name]")) {
    if (input.value.trim()) fault[input.name] = parseOption(input.value.trim(), options.find(({ name }) => name === input.name));
  }
  attempt(async () => {
    showFaults(await askJson("faults", { method: "POST", json: fault }));
    announce(`Fault on: ${formatFault(fault)}`);
  });
});

const replyForm = byId("reply-form");

function showReplyFields() {
  for (const label of replyForm.querySelectorAll("[data-for]")) label.hidden = label.dataset.for !== replyForm.elements.kind.value;
}

replyForm.elements.kind.addEventListener("change", showReplyFields);

replyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const { path, prompt, times, kind, text, status, message } = replyForm.elements;
  const reply = kind.value === "text" ? { text: text.value } : { status: Number(status.value) };
  if (kind.value === "status" && message.value) reply.json = { statusCode: reply.status, message: message.value };
  if (path.value.trim()) reply.path = path.value.trim();
  if (prompt.value) reply.prompt = prompt.value;
  reply.times = times.value ? Number(times.value) : null;
  attempt(async () => {
    showReplies(await askJson("replies", { method: "POST", json: reply }));
    announce(`Reply added: ${formatReply(reply)}`);
  });
});

function openFaultForm(path) {
  openTab("faults");
  const input = byId("fault-options").querySelector('[name="path"]');
  if (input) input.value = path;
  byId("fault-kind").focus();
}

function openReplyForm(path) {
  openTab("replies");
  replyForm.elements.path.value = path;
  replyForm.elements.text.focus();
}

// ---- Accounts

async function showAccounts() {
  const { accounts } = await askJson("accounts");
  if (!isNew("accounts", accounts)) return;
  byId("accounts").replaceChildren(...accounts.map((account) => {
    const stored = Object.entries(account.objects ?? {}).map(([type, count]) => `${count} ${type}`);
    const facts = [account.tier, `${account.anlas} Anlas`, account.trial ? "on trial" : "", ...stored];
    const stories = account.stories.map(({ id, title, bytes }) => create("tr", {},
      create("td", {}, title ?? create("span", { className: "quiet" }, "encrypted")),
      create("td", { className: "number" }, formatBytes(bytes)), create("td", { className: "quiet" }, id)));
    const heads = ["Story", "Size", "Id"].map((text, at) => create("th", { className: at === 1 ? "number" : "" }, text));
    return create("div", { className: "account" },
      create("h2", {}, account.email),
      create("p", { className: "facts" }, facts.filter(Boolean).join(" · ")),
      stories.length
        ? create("table", {}, create("thead", {}, create("tr", {}, ...heads)), create("tbody", {}, ...stories))
        : create("p", { className: "quiet" }, "No stories."));
  }));
}

// ---- Recording

byId("export").addEventListener("click", () => attempt(async () => {
  const address = URL.createObjectURL(await (await ask("recording")).blob());
  create("a", { href: address, download: "recording.ndjson" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}));

// ---- Views and keys

const tabs = [...document.querySelectorAll('[role="tab"]')];
const view = () => tabs.find((tab) => tab.ariaSelected === "true").id.slice("tab-".length);

function openTab(name) {
  for (const tab of tabs) {
    const chosen = tab.id === `tab-${name}`;
    tab.ariaSelected = String(chosen);
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  attempt(refreshView);
}

const VIEWS = {
  requests: async () => {},
  faults: async () => showFaults(await askJson("faults")),
  replies: async () => showReplies(await askJson("replies")),
  accounts: showAccounts,
};
const refreshView = () => VIEWS[view()]();

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => openTab(tab.id.slice("tab-".length)));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape" && opened !== null && view() === "requests") closeDetail();
  else if (event.key === "/" && !typing && view() === "requests") {
    event.preventDefault();
    byId("filter").focus();
  }
});

// ---- Polling

let timer = null;
let refreshedAt = 0;

async function poll() {
  timer = null;
  if (document.hidden) return showConnection("paused", "paused while hidden");
  let pause = POLL_MS;
  try {
    receiveRequests(await askJson(`requests?after=${last}`));
    if (view() !== "requests" && Date.now() - refreshedAt >= ACCOUNTS_MS) {
      refreshedAt = Date.now();
      await refreshView();
    }
    showConnection("on", location.host);
  } catch (error) {
    if (error instanceof KeyRefused) return wantKey(error.message);
    showConnection("off", "the emulator does not answer");
    pause = RETRY_MS;
  }
  timer ??= setTimeout(poll, pause);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && timer === null && byId("key-form").hidden) poll();
});

function start() {
  takeKey();
  if (!sessionStorage.getItem(KEY)) return wantKey();
  byId("key-form").hidden = true;
  document.querySelector("main").hidden = false;
  attempt(async () => {
    showReplyFields();
    showFaults(await askJson("faults"));
    showReplies(await askJson("replies"));
    await loadFaultKinds();
  });
  if (timer === null) poll();
}

addEventListener("hashchange", () => location.hash && start());
start();
