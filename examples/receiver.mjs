#!/usr/bin/env node
// A receiver of Clarion's events, with nothing but Node's own modules (Node 18 or newer).
//
//     CLARION_SECRET=whsec_... node examples/receiver.mjs --port 9000 --store events.jsonl
//
// It takes in what is signed with the secret (Standard Webhooks), once: an event that comes again
// is known by its event-id. An event is answered with 200 when it is on disk, never before, so what
// is answered is not lost, and what is not answered comes again.
//
// While a secret takes the place of another one give both, with a space between.

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync, truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const MAX_BODY = 1_000_000; // bytes
const TOLERANCE = 300; // seconds between the sender's clock and ours

const { values: options } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "9000" },
    store: { type: "string", default: "events.jsonl" },
  },
});
const secrets = (process.env.CLARION_SECRET ?? "").split(/\s+/).filter(Boolean);
if (secrets.length === 0) {
  console.error("CLARION_SECRET has to be the secret of the delivery configuration.");
  process.exit(1);
}
const keys = secrets.map((each) => Buffer.from(each.replace(/^whsec_/, ""), "base64"));

// The signed text is `id.timestamp.body`, the body byte for byte as it came: never parse it and
// print it again first.
function isSigned(id, timestamp, signatures, body) {
  if (!/^\d+$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const wanted = keys.map((key) =>
    createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest(),
  );
  return signatures.split(" ").some((given) => {
    if (!given.startsWith("v1,")) return false;
    const bytes = Buffer.from(given.slice(3), "base64");
    return wanted.some((each) => each.length === bytes.length && timingSafeEqual(each, bytes));
  });
}

// Where events are kept, each once: a line of JSON for each. What is written at the same time goes
// to the disk together.
class Inbox {
  constructor(path, file) {
    this.file = file;
    this.known = new Map(); // event-id -> when it is on disk
    this.waiting = null;
    const written = readFileSync(path);
    const whole = written.subarray(0, written.lastIndexOf(10) + 1); // a crash may leave half a line
    truncateSync(path, whole.length);
    for (const line of whole.toString("utf8").split("\n").slice(0, -1)) {
      this.known.set(JSON.parse(line)["event-id"], Promise.resolve());
    }
  }

  // Whether it is new, once it is on disk.
  async add(event) {
    const before = this.known.get(event["event-id"]);
    const kept = before ?? this.write(`${JSON.stringify(event)}\n`);
    this.known.set(event["event-id"], kept);
    try {
      await kept;
    } catch (error) {
      this.known.delete(event["event-id"]);
      throw error;
    }
    return before === undefined;
  }

  write(line) {
    if (this.waiting) {
      this.waiting.lines.push(line);
      return this.waiting.done;
    }
    const batch = { lines: [line] };
    batch.done = (this.last ?? Promise.resolve()).catch(() => {}).then(async () => {
      this.waiting = null;
      await this.file.appendFile(batch.lines.join(""));
      await this.file.datasync();
    });
    this.waiting = batch;
    this.last = batch.done;
    return batch.done;
  }
}

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function receive(request, answer) {
  if (request.method !== "POST") return answer(405, "Events are posted.");
  const body = await bodyOf(request);
  if (body === null) return answer(413, "That is too long.");
  const header = (name) => request.headers[name] ?? "";
  const signature = header("webhook-signature");
  if (!isSigned(header("webhook-id"), header("webhook-timestamp"), signature, body)) {
    return answer(401, "The signature is missing, wrong or old.");
  }
  let event;
  try {
    event = JSON.parse(body.toString("utf8"));
  } catch {
    return answer(400, "That is no event.");
  }
  if (typeof event?.["event-id"] !== "string" || !event.event?.["fld-val-list"]) {
    return answer(400, "That is no event.");
  }
  if (await inbox.add(event)) {
    const { "evt-tp": type, "fld-val-list": fields } = event.event;
    console.log(type, event["event-id"], JSON.stringify(fields));
  }
  return answer(200, "Thank you.");
}

const inbox = new Inbox(options.store, await open(options.store, "a"));
const server = createServer((request, response) => {
  const answer = (status, words) => {
    response.writeHead(status, { "Content-Type": "text/plain" });
    response.end(words);
    if (status === 413) request.destroy();
  };
  receive(request, answer).catch((error) => {
    console.error(error.message);
    if (!response.headersSent) answer(500, "It could not be kept; send it again.");
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(options.port), options.host, () => {
  console.log(`Listening at http://${options.host}:${server.address().port}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
