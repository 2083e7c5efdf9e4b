// Where events are posted to: how many came, how many twice, and how late each was. What an event's
// id says of the time is when it was made, just before its commit. GET /stats; POST /reset. Ends
// with its standard input.
'use strict';

let count, first, last, late, seen;
const reset = () => { count = 0; first = last = null; late = []; seen = new Set(); };
reset();

const quantile = (sorted, share) => sorted.length
  ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : null;

function stats() {
  const sorted = Float64Array.from(late).sort();
  return {
    count, distinct: seen.size, first, last, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99),
  };
}

const MARK = '"event-id":"';
function take(body) {
  const now = Date.now();
  const at = body.lastIndexOf(MARK) + MARK.length;
  const id = body.slice(at, at + 22);
  count++;
  seen.add(id);
  first ??= now;
  last = now;
  late.push(now - Buffer.from(id, 'base64url').readUIntBE(0, 6));
}

require('http').createServer((request, response) => {
  if (request.method === 'GET') { response.end(JSON.stringify(stats())); return; }
  if (request.url === '/reset') { reset(); response.end(); return; }
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => { take(body); response.end('ok'); });
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
process.stdin.on('end', () => process.exit()).resume();
