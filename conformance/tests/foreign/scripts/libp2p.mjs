// Dials a node of igor with js-libp2p over TCP, Noise and yamux: pings it, asks for its price, and asks for what
// it does not know. One line of JSON for each.
//
//   node libp2p.mjs /ip4/…/tcp/…/p2p/<peer id>

// Older versions of Node do not have this yet, and the library uses it.
Promise.withResolvers ??= () => {
  const deferred = {};
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
};

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const [address] = process.argv.slice(2)
const node = await createLibp2p({
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()]
})

const say = (line) => console.log(JSON.stringify(line))

// Says something on a stream of its own, and hears the answer to its end.
const ask = async (protocol, question) => {
  const stream = await node.dialProtocol(multiaddr(address), protocol)
  await stream.sink([new TextEncoder().encode(question)])
  const heard = []
  for await (const part of stream.source) heard.push(part.subarray())
  return Buffer.concat(heard).toString('utf8')
}

say({ ping: await ask('/igor/ping/1.0.0', 'ping') })
say(JSON.parse(await ask('/igor/price/1.0.0', '{}\n')))

try {
  await ask('/igor/ping/9.9.9', 'ping')
  say({ unknown: 'answered' })
} catch (error) {
  say({ unknown: 'refused' })
}

await node.stop()
