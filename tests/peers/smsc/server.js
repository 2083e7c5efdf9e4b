// An SMSC on npm `smpp` for tests and benches: node server.js [--port 2775] [--control 8080] ...
// The options are in options.js; GET /stats, GET /messages, GET /acked, GET /settled, GET /ends;
// POST /config, /numbers, /reset, /mo, /kick, /raw, /unbind, /alert, /outbind, /enquire on the
// control port. The ports are the first line of output, as JSON. It ends with its standard input.
'use strict';

const fs = require('fs');
const http = require('http');
const smpp = require('smpp');
const ids = require('./ids');
const { Deliveries } = require('./deliveries');
const { change, fromArguments } = require('./options');

const options = fromArguments(process.argv.slice(2));
const wanted = { ...options };
const zeros = () => ({
  binds: 0, refused_binds: 0, connections: 0, submits: 0, taken: 0, errors: 0, throttled: 0,
  unanswered: 0, drops: 0, enquires: 0, enquires_answered: 0, unbinds: 0, nacks: 0,
  receipts_sent: 0, receipts_acked: 0, inbounds_sent: 0, inbounds_acked: 0, refusals: {},
  peak_unanswered: 0, last_bind: null, last_nack: null, first_at: 0, last_at: 0,
});
const stats = zeros();
const deliveries = new Deliveries(options, stats);
const sessions = new Set();
const ends = {}; // when each connection ended
const numbers = {}; // what happens to messages for a number: {status, times, silent, state, echo}
let messages = [];
let connections = 0;
let second = 0;
let inSecond = 0;

keepOctets();

// node-smpp shows texts; tests also want the octets, and benches want neither.
function keepOctets() {
  const filter = smpp.commands.submit_sm.params.short_message.filter;
  const decode = filter.decode;
  filter.decode = function (value, skipUdh) {
    if (!Buffer.isBuffer(value)) return value;
    if (value.length || !this.octets) this.octets = value;
    return options.keep ? decode.call(this, value, skipUdh) : value;
  };
}

// ---------------------------------------------------------------- a connection

function serve(session) {
  session.number = ++connections;
  stats.connections++;
  sessions.add(session);
  session.on('error', () => session.destroy());
  session.on('close', () => {
    ends[session.number] = Date.now();
    sessions.delete(session);
    deliveries.remove(session);
  });
  session.socket.setNoDelay(true);
  session.on('bind_transceiver', pdu => bind(session, pdu, true));
  session.on('bind_receiver', pdu => bind(session, pdu, true));
  session.on('bind_transmitter', pdu => bind(session, pdu, false));
  session.on('enquire_link', pdu => {
    stats.enquires++;
    if (!options.silent_enquire) session.send(pdu.response());
  });
  session.on('unbind', pdu => {
    stats.unbinds++;
    if (!options.silent_unbind) { session.send(pdu.response()); session.close(); }
  });
  session.on('unbind_resp', () => session.close());
  session.on('enquire_link_resp', () => { stats.enquires_answered++; });
  session.on('generic_nack', pdu => { stats.nacks++; stats.last_nack = pdu.command_status; });
  session.on('submit_sm', pdu => submit(session, pdu));
}

function bind(session, pdu, receives) {
  const { command, system_id, password, system_type, interface_version, address_range } = pdu;
  stats.last_bind = { command, system_id, password, system_type, interface_version, address_range };
  if (options.silent_bind) return;
  const bad = options.password ? password !== options.password : password === 'bad';
  const status = options.refuse || (bad ? smpp.ESME_RINVPASWD : 0);
  if (status) { stats.refused_binds++; session.send(pdu.response({ command_status: status })); return; }
  stats.binds++;
  const answer = { system_id: 'TESTSMSC' };
  if (options.version) answer.sc_interface_version = options.version;
  session.send(pdu.response(answer));
  if (receives) deliveries.add(session);
}

// ---------------------------------------------------------------- a submit_sm

function submit(session, pdu) {
  const now = Date.now();
  stats.submits++;
  session.open = (session.open || 0) + 1;
  if (session.open > stats.peak_unanswered) stats.peak_unanswered = session.open;
  stats.last_at = now;
  if (!stats.first_at) stats.first_at = now;
  if (options.drop_after && stats.submits % options.drop_after === 0) {
    stats.drops++;
    session.destroy();
    return;
  }
  const rule = numbers[pdu.destination_addr] || {};
  const status = ruled(rule) || refusal(now);
  if (status) {
    if (options.keep) messages.push(record(session, pdu, now, { status }));
    const refused = options.nack ? new smpp.PDU('generic_nack', { sequence_number: pdu.sequence_number, command_status: status })
      : pdu.response({ command_status: status });
    answer(session, refused);
    return;
  }
  take(session, pdu, now, rule);
}

// `times` of a rule: so many are refused, the others taken.
function ruled(rule) {
  if (rule.times === undefined) return rule.status;
  return rule.times-- > 0 ? rule.status : 0;
}

function refusal(now) {
  if (options.nack) return smpp.ESME_RINVCMDID;
  if (options.throttle) {
    if (now - second >= 1000) { second = now; inSecond = 0; }
    if (++inSecond > options.throttle) { stats.throttled++; return smpp.ESME_RTHROTTLED; }
  }
  if (options.error && Math.random() < options.error) { stats.errors++; return options.error_status; }
  return 0;
}

function take(session, pdu, now, rule) {
  const id = ids.next();
  const shown = ids.spell(id, options.response_id);
  const silent = rule.silent || (options.silent && Math.random() < options.silent);
  stats.taken++;
  if (silent) stats.unanswered++;
  if (options.keep) messages.push(record(session, pdu, now, { id: shown, answered: !silent }));
  const wanted = options.receipts && !silent && (pdu.registered_delivery & 1);
  const message = {
    id, shown, session, source: pdu.source_addr, destination: pdu.destination_addr, start: start(pdu),
    early: options.receipt_early && Math.random() < options.receipt_early, state: rule.state,
  };
  if (wanted && message.early) deliveries.receipt(message);
  if (!silent) answer(session, pdu.response({ message_id: shown }));
  if (wanted && !message.early) deliveries.receipt(message);
  if (rule.echo) deliveries.echo(pdu);
}

function answer(session, response) {
  const send = () => { session.open--; session.send(response); };
  if (options.answer_delay) setTimeout(send, options.answer_delay);
  else send();
}

function start(pdu) {
  const text = pdu.short_message && pdu.short_message.message;
  return typeof text === 'string' ? text.slice(0, 20).replace(/[^ -~]/g, '.') : '';
}

function record(session, pdu, at, outcome) {
  const shown = pdu.message_payload || pdu.short_message || {};
  return {
    ...outcome, at, connection: session.number,
    source: pdu.source_addr, source_ton: pdu.source_addr_ton, source_npi: pdu.source_addr_npi,
    destination: pdu.destination_addr, destination_ton: pdu.dest_addr_ton, destination_npi: pdu.dest_addr_npi,
    service_type: pdu.service_type, esm_class: pdu.esm_class, priority: pdu.priority_flag,
    registered_delivery: pdu.registered_delivery, data_coding: pdu.data_coding,
    validity: pdu.validity_period || null,
    hex: pdu.octets ? pdu.octets.toString('hex') : '',
    text: typeof shown.message === 'string' ? shown.message : null,
    udh: shown.udh ? shown.udh.map(element => element.toString('hex')) : null,
    sar: pdu.sar_msg_ref_num === undefined ? null
      : { reference: pdu.sar_msg_ref_num, total: pdu.sar_total_segments, number: pdu.sar_segment_seqnum },
    payload: pdu.message_payload !== undefined,
  };
}

// ---------------------------------------------------------------- control

// As it was at the start; connections end.
function reset() {
  for (const session of sessions) session.destroy();
  Object.assign(stats, zeros());
  Object.assign(options, wanted);
  for (const number of Object.keys(numbers)) delete numbers[number];
  messages = [];
  deliveries.clear();
  return {};
}

const calls = {
  'GET /stats': () => ({
    ...stats, sessions: sessions.size, receivers: deliveries.receivers.length,
    waiting: deliveries.waiting, open: deliveries.open.size, cpu: process.cpuUsage(), memory: process.memoryUsage().rss,
  }),
  'GET /messages': () => messages,
  'GET /acked': () => deliveries.acked,
  'GET /settled': () => deliveries.settled,
  'GET /ends': () => ends,
  'POST /config': body => { change(options, body); return options; },
  'POST /numbers': body => Object.assign(numbers, body),
  'POST /reset': reset,
  'POST /mo': body => { deliveries.inbound(body); return {}; },
  'POST /kick': () => { const count = sessions.size; for (const s of sessions) s.destroy(); return { count }; },
  'POST /raw': body => { for (const s of sessions) s.socket.write(Buffer.from(body.hex, 'hex')); return {}; },
  'POST /unbind': () => { for (const s of sessions) s.unbind(); return {}; },
  'POST /enquire': () => { for (const s of sessions) s.enquire_link(); return {}; },
  'POST /outbind': () => { for (const s of sessions) s.outbind({ system_id: 'TESTSMSC' }); return {}; },
  'POST /alert': () => {
    for (const s of sessions) s.alert_notification({ source_addr: '491700000001', esme_addr: '12345' });
    return {};
  },
};

function control(request, response) {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    const call = calls[`${request.method} ${request.url}`];
    let status = 200;
    let body;
    try {
      if (!call) throw new Error(`no call ${request.method} ${request.url}`);
      body = call(chunks.length ? JSON.parse(Buffer.concat(chunks)) : {});
    } catch (error) {
      status = 400;
      body = { error: error.message };
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
}

// ---------------------------------------------------------------- start

const files = {};
if (options.key) Object.assign(files, { key: fs.readFileSync(options.key), cert: fs.readFileSync(options.cert) });
if (options.ca) Object.assign(files, { ca: fs.readFileSync(options.ca), requestCert: true, rejectUnauthorized: true });

const carrier = smpp.createServer(files, serve);
const controller = http.createServer(control);
carrier.listen(options.port, '127.0.0.1', () => {
  controller.listen(options.control, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: carrier.address().port, control: controller.address().port }));
  });
});
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
