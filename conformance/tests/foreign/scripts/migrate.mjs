// Sends agents to a node of igor with js-libp2p, as a node of the original does: each text on a stream of its own. One
// line of JSON for each: what the node answered, or that it did not.
//
//   node migrate.mjs /ip4/…/tcp/…/p2p/<peer id> FILE|endless:BYTES ...

import { readFile } from 'node:fs/promises'

import { dialler } from './dialler.mjs'

const [address, ...texts] = process.argv.slice(2)
const { node, ask } = await dialler(address)

const text = async (name) => {
  const [kind, bytes] = name.split(':')
  if (kind !== 'endless') return await readFile(name, 'utf8')
  return `{"Package":{"AgentID":"${'x'.repeat(Number(bytes))}"}}\n`
}

for (const name of texts) {
  let line
  try {
    line = { answer: JSON.parse(await ask('/igor/migrate/1.0.0', await text(name))) }
  } catch (error) {
    line = { lost: String(error.message) }
  }
  console.log(JSON.stringify(line))
}

await node.stop()
