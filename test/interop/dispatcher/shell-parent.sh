#!/bin/sh
# A parent without a library: sets variables, reads lines. shell-parent.sh PTKIT DIRECTORY APPLICATION-PORT
set -eu
ptkit=$1 directory=$2
mkfifo "$directory/server" "$directory/client"
export TOR_PT_MANAGED_TRANSPORT_VER=1

TOR_PT_SERVER_TRANSPORTS=obfs4 TOR_PT_ORPORT="127.0.0.1:$3" TOR_PT_SERVER_BINDADDR=obfs4-127.0.0.1:0 \
  TOR_PT_STATE_LOCATION="$directory/server-state" "$ptkit" >"$directory/server" &
server=$!
TOR_PT_CLIENT_TRANSPORTS=obfs4 TOR_PT_STATE_LOCATION="$directory/client-state" "$ptkit" >"$directory/client" &
client=$!
trap 'kill $server $client; wait' EXIT

while read -r keyword name address arguments; do
  case "$keyword $name" in
    'SMETHOD obfs4') bridge=$address pairs=$(echo "${arguments#ARGS:}" | sed 's/,/;:/') ;;
    'SMETHODS DONE') break ;;
  esac
done <"$directory/server"
while read -r keyword name protocol address; do
  case "$keyword $name" in
    'CMETHOD obfs4') proxy=$protocol://$address ;;
    'CMETHODS DONE') break ;;
  esac
done <"$directory/client"

curl --silent --show-error --noproxy '' --max-time 20 --proxy "$proxy" --proxy-user "$pairs" "http://$bridge/"
