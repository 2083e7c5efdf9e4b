// What the SMSC sends by itself: receipts and subscribers' messages. What is not acknowledged when
// a connection ends, or is refused for now, comes again, as with real SMSCs.
'use strict';

const ids = require('./ids');

const PERMANENT = [0x65, 0x66];
const NUMBERS = {
  ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8,
};
const STEP = 5; // ms between looks at the queue

class Deliveries {
  constructor(options, stats) {
    this.options = options;
    this.stats = stats;
    this.receivers = [];
    this.turn = 0;
    this.queue = []; // receipts in order of time, from `head` on
    this.head = 0;
    this.acked = []; // receipts that were acknowledged, by id as the response spelled it
    this.generation = 0; // what is older than the last reset is never sent
    this.open = new Set(); // whatever is still to be acknowledged
    this.settled = []; // whatever was acknowledged: its kind, how often it was sent, what it was
    setInterval(() => this.flush(), STEP);
  }

  get waiting() { return this.queue.length - this.head; }

  add(session) { this.receivers.push(session); session.unacked = new Set(); }

  remove(session) {
    this.receivers = this.receivers.filter(other => other !== session);
    for (const item of session.unacked || []) this.later(item, 0);
  }

  clear() { this.queue = []; this.head = 0; this.acked = []; this.settled = []; this.open.clear(); }

  // One message's receipt, now or later, once or twice.
  receipt(message) {
    const { options } = this;
    const item = { kind: 'receipt', generation: this.generation, message, state: message.state || this.outcome() };
    const times = Math.random() < options.receipt_twice ? 2 : 1;
    for (let i = 0; i < times; i++) {
      if (message.early) this.send(item);
      else if (options.receipt_jitter) this.later(item, options.receipt_delay + Math.random() * options.receipt_jitter);
      else this.queue.push({ at: Date.now() + options.receipt_delay, item });
    }
  }

  outcome() {
    if (this.options.state) return this.options.state;
    return Math.random() < this.options.undelivered ? 'UNDELIV' : 'DELIVRD';
  }

  later(item, ms) { setTimeout(() => this.send(item), ms); }

  flush() {
    const now = Date.now();
    if (!this.receivers.length) return;
    while (this.head < this.queue.length && this.queue[this.head].at <= now) {
      this.send(this.queue[this.head].item);
      this.queue[this.head++] = undefined;
    }
    if (this.head > 10000) { this.queue = this.queue.slice(this.head); this.head = 0; }
  }

  send(item) {
    if (item.sends === undefined) { item.sends = 0; this.open.add(item); }
    const session = this.pick(item);
    if (!session) { setTimeout(() => this.send(item), this.options.retry_delay); return; }
    session.unacked.add(item);
    item.sends++;
    const answered = response => this.answered(session, item, response);
    this.stats[`${item.kind}s_sent`]++;
    if (item.kind === 'receipt') session.deliver_sm(this.fields(item), answered);
    else session[item.command](item.fields, answered);
  }

  // The receipt goes to the connection that submitted, where that can receive.
  pick(item) {
    const own = item.message && item.message.session;
    if (own && this.receivers.includes(own)) return own;
    if (!this.receivers.length) return null;
    return this.receivers[this.turn++ % this.receivers.length];
  }

  answered(session, item, response) {
    if (!session.unacked.delete(item)) return;
    const status = response.command_status;
    if (status === 0) {
      this.open.delete(item);
      this.stats[`${item.kind}s_acked`]++;
      if (this.options.keep) this.settle(item);
      return;
    }
    this.stats.refusals[status] = (this.stats.refusals[status] || 0) + 1;
    if (PERMANENT.includes(status)) this.open.delete(item);
    else this.later(item, this.options.retry_delay);
  }

  settle(item) {
    const { kind, sends, message, state, fields } = item;
    if (kind === 'receipt') {
      this.acked.push(message.shown);
      this.settled.push({ kind, sends, id: message.shown, state });
    } else this.settled.push({ kind, sends, source: fields.source_addr, piece: item.piece || 1 });
  }

  fields({ message, state }) {
    const { options } = this;
    const id = ids.spell(message.id, options.receipt_id);
    const delivered = state === 'DELIVRD';
    const day = date(options.receipt_digits);
    const words = `id:${id} sub:001 dlvrd:00${delivered ? 1 : 0} submit date:${day} `
      + `done date:${day} stat:${state} err:${delivered ? '000' : '011'} text:${message.start}`;
    const fields = {
      source_addr: message.destination, source_addr_ton: 1, source_addr_npi: 1,
      destination_addr: message.source, esm_class: 4, short_message: words,
    };
    if (options.receipt_tlvs) { fields.receipted_message_id = id; fields.message_state = NUMBERS[state]; }
    return fields;
  }

  // The subscriber answers with the same octets.
  echo(pdu) {
    const fields = {
      source_addr: pdu.destination_addr, source_addr_ton: 1, source_addr_npi: 1,
      destination_addr: pdu.source_addr, esm_class: pdu.esm_class & 0x40,
      data_coding: pdu.data_coding, short_message: pdu.octets,
    };
    this.subscriber('deliver_sm', fields);
  }

  subscriber(command, fields) {
    this.send({ kind: 'inbound', generation: this.generation, command, fields });
  }

  // POST /mo: one message, whole or in parts.
  inbound(wanted) {
    const common = {
      source_addr: wanted.from || '491700000001', source_addr_ton: 1, source_addr_npi: 1,
      destination_addr: wanted.to || '12345', esm_class: wanted.esm_class || 0,
      data_coding: wanted.data_coding || 0,
    };
    const command = wanted.data_sm ? 'data_sm' : 'deliver_sm';
    for (let i = 0; i < (wanted.times || 1); i++) {
      pieces(wanted, common, command).forEach((fields, at) => {
        this.send({ kind: 'inbound', command, fields, piece: at + 1 });
      });
    }
  }
}

function pieces(wanted, common, command) {
  const parts = wanted.parts || [wanted.text || ''];
  const texts = wanted.hex ? [Buffer.from(wanted.hex, 'hex')] : parts;
  const total = texts.length;
  return texts.map((text, i) => {
    const place = total > 1 ? concatenation(wanted.concat || 'udh', wanted.reference || 1, total, i + 1) : {};
    const { udh, ...tlvs } = place;
    const content = udh ? { udh, message: text } : text;
    if (command === 'data_sm' || wanted.payload) return { ...common, ...tlvs, message_payload: content };
    return { ...common, ...tlvs, short_message: content };
  });
}

function concatenation(how, reference, total, number) {
  if (how === 'udh') return { udh: Buffer.from([5, 0, 3, reference & 255, total, number]) };
  if (how === 'udh16') return { udh: Buffer.from([6, 8, 4, reference >> 8, reference & 255, total, number]) };
  if (how === 'sar') return { sar_msg_ref_num: reference, sar_total_segments: total, sar_segment_seqnum: number };
  throw new Error(`no concatenation ${how}`);
}

function date(digits) {
  const whole = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  return digits === 14 ? whole : whole.slice(2, 2 + digits);
}

module.exports = { Deliveries };
