# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The sync service and its users: everything here goes over HTTP, as a phone would.

readonly users=(nadia tomas wei)
readonly contacts=100 events=50 todos=30 # of each user
readonly items=$((${#users[@]} * (contacts + events + todos)))
readonly later=60                       # of each kind and user, at most, while points are taken
readonly friend=contacts/mara-lindqvist.vcf

# dav USER ARGUMENT… is curl, logged in. Without "Expect:" curl would wait a second before each
# upload for a permission that Radicale does not give.
dav() {
	curl --noproxy '*' --silent --show-error --fail --max-time 60 --retry 3 --retry-connrefused \
		--user "$1:lifeboat" --header 'Expect:' "${@:2}"
}

# write_items FOLDER FIRST CONTACTS EVENTS TODOS makes up items of each user, one file each.
write_items() {
	local user
	for user in "${users[@]}"; do
		mkdir -p "$1/$user"/{contacts,calendar,todos}
	done
	awk -v out="$1" -v from="$2" -v contacts="$3" -v events="$4" -v todos="$5" -f "$demo/data/people.awk"
}

# empty_service removes what an earlier demo wrote, so that each begins alike.
empty_service() {
	local user collection
	for user in "${users[@]}"; do
		for collection in contacts calendar todos; do
			dav "$user" --output /dev/null --request DELETE "$service/$user/$collection/" 2>/dev/null || true
		done
	done
}

# make_collections gives each user an address book, a calendar and a list of to-dos.
make_collections() {
	local user
	for user in "${users[@]}"; do
		make_collection "$user" contacts '<R:addressbook/>' ''
		make_collection "$user" calendar '<C:calendar/>' '<C:comp name="VEVENT"/>'
		make_collection "$user" todos '<C:calendar/>' '<C:comp name="VTODO"/>'
	done
}

make_collection() {
	local user=$1 name=$2 kind=$3 component=$4
	[[ -z $component ]] || component="<C:supported-calendar-component-set>$component</C:supported-calendar-component-set>"
	dav "$user" --request MKCOL "$service/$user/$name/" --header 'Content-Type: application/xml' --data-binary @- <<-XML
		<?xml version="1.0" encoding="utf-8"?>
		<D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:R="urn:ietf:params:xml:ns:carddav">
		  <D:set><D:prop>
		    <D:resourcetype><D:collection/>$kind</D:resourcetype><D:displayname>$name</D:displayname>$component
		  </D:prop></D:set>
		</D:mkcol>
	XML
}

# upload FOLDER puts each file below FOLDER/USER/COLLECTION into the service, one request each.
upload() {
	local user file
	for user in "${users[@]}"; do
		for file in "$1/$user"/*/*; do
			printf 'upload-file = "%s"\nurl = "%s/%s"\n' "$file" "$service" "${file#"$1"/}"
		done | dav "$user" --config - >/dev/null
	done
}

# show_request USER METHOD URL sends a request, showing it and its answer's code.
show_request() {
	show "curl --user $1:lifeboat -X $2 $3"
	dav "$1" --no-fail --output /dev/null --request "$2" --write-out 'HTTP %{http_code}\n' "$3" | indent
}

# start_writing FIRST USER… lets users go on using the service in the background until stop_writing.
# Their items are numbered from FIRST on; $work/written lists them.
start_writing() {
	write_items "$work/later" "$1" "$later" "$later" "$later"
	rm -f "$work/enough"
	: >"$work/written"
	keep_writing "$@" &
	writer=$!
}

keep_writing() {
	trap - ERR
	local number user file path
	for ((number = $1; number < $1 + later; number++)); do
		for user in "${@:2}"; do
			for file in "$work/later/$user"/*/*-"$number".*; do
				[[ ! -e $work/enough ]] || return 0
				path=${file#"$work/later/"}
				dav "$user" --output /dev/null --upload-file "$file" "$service/$path"
				echo "$path" >>"$work/written"
				sleep 0.5
			done
		done
	done
}

# stop_writing returns once the last write is done, so that nothing changes afterwards.
stop_writing() {
	touch "$work/enough"
	wait "$writer" || fail "the users could no longer write to the service"
	writer=""
}

written() { wc -l <"$work/written"; }

# still_there says whether all that was written lately is in the service.
still_there() {
	local path
	while read -r path; do
		dav "${path%%/*}" --output /dev/null "$service/$path" || return 1
	done <"$work/written"
}

# cards counts the contacts in the address book of a user at a service.
cards() { dav "$2" "$1/$2/contacts/" | grep -c '^BEGIN:VCARD'; }
