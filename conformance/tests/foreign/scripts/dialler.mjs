// A node of js-libp2p that dials one address over TCP, Noise and yamux, for the scripts beside this one.

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

// The node, and a function that says something on a stream of its own, and hears the answer to its end.
export const dialler = async (address) => {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  })
  const ask = async (protocol, question) => {
    const stream = await node.dialProtocol(multiaddr(address), protocol)
    await stream.sink([new TextEncoder().encode(question)])
    const heard = []
    for await (const part of stream.source) heard.push(part.subarray())
    return Buffer.concat(heard).toString('utf8')
  }
  return { node, ask }
}
