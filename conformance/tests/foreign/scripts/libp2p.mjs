// Dials a node of igor with js-libp2p: pings it, asks for its price, and asks for what it does not know. One line of
// JSON for each.
//
//   node libp2p.mjs /ip4/…/tcp/…/p2p/<peer id>

import { dialler } from './dialler.mjs'

const [address] = process.argv.slice(2)
const { node, ask } = await dialler(address)

const say = (line) => console.log(JSON.stringify(line))

say({ ping: await ask('/igor/ping/1.0.0', 'ping') })
say(JSON.parse(await ask('/igor/price/1.0.0', '{}\n')))

try {
  await ask('/igor/ping/9.9.9', 'ping')
  say({ unknown: 'answered' })
} catch (error) {
  say({ unknown: 'refused' })
}

await node.stop()
