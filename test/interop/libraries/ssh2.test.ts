import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import ssh2, { type ClientChannel, type Connection as SshConnection, type Session } from 'ssh2'
import { openObfs4Link } from '../../support/obfs4-link.ts'

const { private: HOST_KEY } = ssh2.utils.generateKeyPairSync('ed25519')
const [USER, PASSWORD] = ['alice', 'open sesame']

/** Opens an SSH server over obfs4 whose sessions go to `onSession`, and a client that has logged in. */
async function logIn(context: TestContext, onSession: (session: Session) => void, password = PASSWORD) {
  const server = new ssh2.Server({ hostKeys: [HOST_KEY] }, (client: SshConnection) => {
    client.on('authentication', (attempt) => {
      if (attempt.method === 'password' && attempt.username === USER && attempt.password === PASSWORD) attempt.accept()
      else attempt.reject(['password'])
    })
    client.on('session', (accept) => onSession(accept()))
    client.on('error', () => {})
  })
  const link = await openObfs4Link(context, (socket) => server.injectSocket(socket as Socket))
  const sock = link.connect()
  const client = new ssh2.Client()
  context.after(() => client.destroy())
  client.connect({ sock, username: USER, password, readyTimeout: 10_000 })
  return { client, sock }
}

/** Calls one of the client's members that answer with a channel. */
function channelOf(open: (callback: (error: Error | undefined, channel: ClientChannel) => void) => void) {
  return new Promise<ClientChannel>((resolve, reject) => {
    open((error, channel) => (error === undefined ? resolve(channel) : reject(error)))
  })
}

test('ssh2 executes a command: output, error output and exit code', async (context) => {
  const { client, sock } = await logIn(context, (session) => {
    session.on('exec', (accept, _reject, { command }) => {
      const channel = accept()
      channel.stderr.write('a warning')
      channel.write(`ran ${command}`)
      channel.exit(3)
      channel.end()
    })
  })
  await once(client, 'ready')
  const channel = await channelOf((callback) => client.exec('uptime', callback))
  let [output, warnings] = ['', '']
  channel.on('data', (chunk: Buffer) => (output += chunk.toString()))
  channel.stderr.on('data', (chunk: Buffer) => (warnings += chunk.toString()))
  const [code] = (await once(channel, 'close')) as [number]
  assert.deepEqual({ output, warnings, code }, { output: 'ran uptime', warnings: 'a warning', code: 3 })
  client.end()
  if (!sock.closed) await once(sock, 'close')
})

test('ssh2 echoes 1 MiB through a shell', async (context) => {
  const { client } = await logIn(context, (session) => {
    session.on('pty', (accept) => accept())
    session.on('shell', (accept) => {
      const channel = accept()
      channel.pipe(channel)
    })
  })
  await once(client, 'ready')
  const channel = await channelOf((callback) => client.shell(callback))
  const sent = randomBytes(1_048_576)
  channel.end(sent)
  assert.deepEqual(await buffer(channel), sent)
  client.end()
})

test('ssh2 runs 8 channels over one connection', async (context) => {
  const { client } = await logIn(context, (session) => {
    session.on('exec', (accept, _reject, { command }) => {
      const channel = accept()
      channel.write(command)
      channel.exit(0)
      channel.end()
    })
  })
  await once(client, 'ready')
  const commands = Array.from({ length: 8 }, (_, index) => `command ${index}`)
  const outputs = await Promise.all(
    commands.map(async (command) => text(await channelOf((callback) => client.exec(command, callback)))),
  )
  assert.deepEqual(outputs, commands)
  client.end()
})

test('ssh2 reads a file by SFTP', async (context) => {
  const content = randomBytes(100_000)
  const { client } = await logIn(context, (session) => {
    session.on('sftp', (accept) => {
      const sftp = accept()
      sftp.on('OPEN', (id) => sftp.handle(id, Buffer.of(1)))
      sftp.on('FSTAT', (id) =>
        sftp.attrs(id, { mode: 0o644, uid: 0, gid: 0, size: content.length, atime: 0, mtime: 0 }),
      )
      sftp.on('READ', (id, _handle, offset, length) => {
        if (offset >= content.length) sftp.status(id, ssh2.utils.sftp.STATUS_CODE.EOF)
        else sftp.data(id, content.subarray(offset, offset + length))
      })
      sftp.on('CLOSE', (id) => sftp.status(id, ssh2.utils.sftp.STATUS_CODE.OK))
    })
  })
  await once(client, 'ready')
  const received = await new Promise<Buffer>((resolve, reject) => {
    client.sftp((error, sftp) => {
      if (error !== undefined) return reject(error)
      sftp.readFile('/file', (failure, data) => (failure instanceof Error ? reject(failure) : resolve(data)))
    })
  })
  assert.deepEqual(received, content)
  client.end()
})

test('ssh2 reports a wrong password and closes the connection', async (context) => {
  const { client, sock } = await logIn(context, () => assert.fail('nobody is let in'), 'wrong')
  const [error] = (await once(client, 'error')) as [Error & { level?: string }]
  assert.equal(error.level, 'client-authentication')
  if (!sock.closed) await once(sock, 'close')
})
