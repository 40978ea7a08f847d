#!/bin/sh
# Make the passwords of a new installation, each in a file that only its reader can read, and a certificate
# to begin with. Files that are there are left alone. As root the files get the accounts of the containers;
# docker needs that.
set -eu
umask 077
cd "${1:-$(dirname "$0")}"

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
give() { [ "$(id -u)" -ne 0 ] || chown "$1" "$2"; }

mkdir -p secrets/helium tls
if [ ! -e secrets/postgres_password ]; then
    password=$(random)
    echo "postgresql://helium:$password@postgres:5432/helium" >secrets/helium/database_url
    echo "$password" >secrets/postgres_password
fi
if [ ! -e secrets/redis.conf ]; then
    password=$(random)
    echo "redis://:$password@redis:6379/0" >secrets/helium/redis_url
    echo "requirepass $password" >secrets/redis.conf
fi
if [ ! -e tls/key.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout tls/key.pem -out tls/fullchain.pem 2>/dev/null
fi
for file in secrets/helium secrets/helium/*; do give 10001:10001 "$file"; done
give 999:999 secrets/postgres_password
give 999:999 secrets/redis.conf
for file in tls tls/*; do give 101:101 "$file"; done
echo "The passwords are in $(pwd)/secrets. Keep a copy where the server's loss does not reach it."
