// What a test can ask of the SMSC, at the start (--name value) and at any time (POST /config).
'use strict';

const defaults = {
  port: 0, control: 0,              // 0: any free port
  key: '', cert: '', ca: '',        // files; `ca` asks clients for a certificate
  keep: true,                       // remember every submit_sm and delivery (benches turn it off)

  password: '',                     // the only one taken; empty: any but "bad"
  refuse: 0,                        // command_status for every bind
  silent_bind: false,               // do not answer binds
  silent_enquire: false,            // do not answer enquire_link
  silent_unbind: false,             // do not answer unbind
  version: 0x34,                    // sc_interface_version in bind responses; 0: leave it out

  error: 0, error_status: 8,        // share of submit_sm that are refused, and how
  throttle: 0,                      // submit_sm taken in a second; 0: no limit
  silent: 0,                        // share of submit_sm that are taken and never answered
  answer_delay: 0,                  // ms
  drop_after: 0,                    // the connection is cut at every n-th submit_sm, unanswered
  nack: false,                      // answer submit_sm with generic_nack
  response_id: 'hex',               // how ids are spelled: hex, HEX, decimal, padded

  receipts: true,
  receipt_delay: 20,                // ms
  receipt_jitter: 0,                // up to so many ms more, so that receipts overtake one another
  receipt_early: 0,                 // share of receipts that come before the response
  receipt_twice: 0,                 // share of receipts that come twice
  receipt_id: 'hex',
  receipt_tlvs: true,
  receipt_digits: 10,               // of dates: 10, 12, 14
  undelivered: 0,                   // share
  state: '',                        // every receipt says so ("REJECTD"), if set
  retry_delay: 100,                 // ms before a delivery that was refused comes again
};

function convert(name, value) {
  const model = defaults[name];
  if (model === undefined) throw new Error(`no option ${name}`);
  if (typeof model === 'boolean') return value === true || value === 'true' || value === '1';
  if (typeof model === 'number') {
    const number = Number(value);
    if (Number.isNaN(number)) throw new Error(`${name}: ${value} is no number`);
    return number;
  }
  return String(value);
}

function change(options, wanted) {
  for (const [name, value] of Object.entries(wanted)) options[name] = convert(name, value);
  return options;
}

function fromArguments(words) {
  const wanted = {};
  for (let i = 0; i + 1 < words.length; i += 2) wanted[words[i].replace(/^--/, '')] = words[i + 1];
  return change({ ...defaults }, wanted);
}

module.exports = { change, fromArguments };
