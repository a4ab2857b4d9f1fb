// A relay without a transport, in a process of plain Node: what node:stream and the kernel cost a PT process before it has done anything.
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

const { port } = JSON.parse(process.env.PARAMETERS!) as { readonly port: number }

const HOST = '127.0.0.1'

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: HOST, port, allowHalfOpen: true, noDelay: true })
  pipeline(near, far, () => near.destroy())
  pipeline(far, near, () => far.destroy())
})
server.listen({ host: HOST, port: 0 }, () => {
  process.send!({ port: (server.address() as { readonly port: number }).port })
})
process.on('disconnect', () => process.exit())
