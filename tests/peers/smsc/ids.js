// Message ids, and the ways in which SMSCs spell one and the same.
'use strict';

const base = (Date.now() & 0xfffff) * 0x1000000; // another process, other ids
let last = 0;

const next = () => base + ++last;

function spell(id, form) {
  switch (form) {
    case 'hex': return id.toString(16);
    case 'HEX': return id.toString(16).toUpperCase();
    case 'decimal': return String(id);
    case 'padded': return String(id).padStart(20, '0');
    default: throw new Error(`no spelling ${form}`);
  }
}

module.exports = { next, spell };
