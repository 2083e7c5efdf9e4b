// Where Kannel's callbacks go: counts them; GET /stats. Ends with its standard input.
'use strict';

let count = 0;
const server = require('http').createServer((request, response) => {
  if (request.url === '/stats') { response.end(JSON.stringify({ count })); return; }
  count++;
  response.end('ok');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
