// The Solidity compiler of the npm package `solc`, spoken to as the native `solc` is: `--version`, and `--standard-json`
// on standard input. Written since the package's own command prints text before its JSON, which no driver can read.
// Use it through scripts/build-contracts, which makes an executable of it.
'use strict'

const fs = require('fs')
const path = require('path')

const compiler = require(path.join(process.env.SOLC_PACKAGE, 'index.js'))
process.removeAllListeners('uncaughtException') // the package swallows errors; they must end the program

const asked = process.argv.slice(2)
if (asked.includes('--version')) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${compiler.version()}\n`)
} else if (asked.includes('--standard-json')) {
  process.stdout.write(compiler.compile(fs.readFileSync(0, 'utf8')) + '\n')
} else {
  process.stderr.write(`only --version and --standard-json are spoken here, not: ${asked.join(' ')}\n`)
  process.exitCode = 1
}
