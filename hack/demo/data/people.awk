# SPDX-License-Identifier: Apache-2.0
#
# Writes contacts (vCard 3.0), calendar entries and to-dos (iCalendar) as one
# file each, below out/<person>/<collection>/. The same numbers give the same
# files on every machine: chance comes from a generator of our own, seeded by
# what is written, because awks differ in rand().
#
#   awk -v out=DIR -v from=1 -v contacts=120 -v events=70 -v todos=30 -f people.awk
#
# from is the number of the first item of each kind; the folders must exist.
# Addresses end in example.org and numbers are of the range 07700 900xxx, which
# is kept free for fiction: nobody real is written to the service.

BEGIN {
	people = split("nadia tomas wei", person, " ")
	vocabulary()
	for (p = 1; p <= people; p++) {
		for (i = from; i < from + contacts; i++) contact(person[p], p, i)
		for (i = from; i < from + events; i++) event(person[p], p, i)
		for (i = from; i < from + todos; i++) todo(person[p], p, i)
	}
}

# A given or family name is written as people spell it; where that is not
# ASCII, a stroke and the form for e-mail addresses follow.
function vocabulary() {
	givens = split("Amara Ben Chiara Daniel Elif Farid Greta Hugo Ines Jonas Kaori Leo Mina Noah Olga Pavel Quinn Rosa Sami Tara Umar Vera Wanda Xenia Yusuf Zoë/zoe Søren/soren Łukasz/lukasz José/jose Maëlle/maelle Åsa/asa Nuno Priya Kofi Lin Mateo Freya Ivan Judith Ravi", given, " ")
	families = split("Abbott Bauer Costa Dahl Eriksen Fontaine García/garcia Hoffmann Ito Jansen Kowalski Lindqvist Moreau Nakamura Okafor Petrov Quist Rossi Schäfer/schaefer Tanaka Ueda Varga Weber Xu Yılmaz/yilmaz Zeman Adeyemi Brandt Castillo Dubois Evans Fischer Gupta Horváth/horvath Ivanova Jensen Keller Larsen Müller/mueller Novák/novak", family, " ")
	employers = split("Harbour Bakery,Northwind Cycles,Lumen Opticians,Birch and Sons,Riverside Clinic,Old Mill School,Tidewater Shipping,Meadow Veterinary,Copper Kettle Café,Stonebridge Library,Halyard Rigging,Compass Travel", employer, ",")
	streets = split("Mill Lane,Harbour Street,Station Road,Church Walk,Park Avenue,Quay Street,Elm Grove,Castle Hill,Bridge Street,Orchard Close", street, ",")
	cities = split("Bremen;28195;Germany,Porto;4000-322;Portugal,Leeds;LS1 4AP;United Kingdom,Gdynia;81-340;Poland,Aarhus;8000;Denmark,Nantes;44000;France,Turku;20100;Finland,Trieste;34121;Italy", city, ",")
	meetings = split("Dentist,Parents' evening,Choir practice,Quarterly review,Lunch with the team,Bike service,Yoga,Interview,Ferry to the island,Book club,Budget meeting,Swimming lesson,Call with the landlord,Flu jab,Concert,Dinner at home", meeting, ",")
	places = split("Room 4.12,Town hall,Café at the corner,Main station,Clinic,School gym,Video call,Old harbour,Library,At home", place, ",")
	chores = split("Renew passport,Buy a birthday present,Water the plants,Return library books,Call the insurance,Fix the garden gate,Order printer ink,Book train tickets,Send the invoice,Back up the photos,Clean the gutters,Pay the dog tax,Write to grandmother,Change the smoke alarm batteries", chore, ",")
}

function contact(who, p, i,    file, g, f, home) {
	seed(p, 1, i)
	file = out "/" who "/contacts/" id("contact", i) ".vcf"
	split(given[pick(givens)], g, "/")
	split(family[pick(families)], f, "/")
	split(city[pick(cities)], home, ";")
	begin(file, "VCARD")
	put("VERSION:3.0")
	put("UID:" who "-" id("contact", i))
	put("FN:" g[1] " " f[1])
	put("N:" f[1] ";" g[1] ";;;")
	put("EMAIL;TYPE=INTERNET:" tolower(mailname(g) "." mailname(f)) "@example.org")
	put("TEL;TYPE=CELL:" phone())
	if (pick(3) > 1) put("ADR;TYPE=HOME:;;" street[pick(streets)] " " pick(90) ";" home[1] ";;" home[2] ";" home[3])
	if (pick(2) > 1) put("ORG:" employer[pick(employers)])
	if (pick(2) > 1) put(sprintf("BDAY:%04d-%02d-%02d", 1940 + pick(65), pick(12), pick(28)))
	put("REV:" stamp())
	finish(file, "VCARD")
}

function event(who, p, i,    file, hour) {
	seed(p, 2, i)
	file = out "/" who "/calendar/" id("event", i) ".ics"
	calendar(file, "VEVENT", who "-" id("event", i))
	hour = 7 + pick(11)
	day = sprintf("2026%02d%02d", pick(12), pick(28))
	put(sprintf("DTSTART:%sT%02d%02d00Z", day, hour, 15 * (pick(4) - 1)))
	put(sprintf("DTEND:%sT%02d0000Z", day, hour + 1 + pick(2)))
	put("SUMMARY:" meeting[pick(meetings)])
	put("LOCATION:" place[pick(places)])
	if (pick(5) == 1) put("RRULE:FREQ=WEEKLY;COUNT=" 4 + pick(20))
	if (pick(3) == 1) alarm()
	put("END:VEVENT")
	finish(file, "VCALENDAR")
}

function todo(who, p, i,    file) {
	seed(p, 3, i)
	file = out "/" who "/todos/" id("todo", i) ".ics"
	calendar(file, "VTODO", who "-" id("todo", i))
	put("SUMMARY:" chore[pick(chores)])
	put(sprintf("DUE;VALUE=DATE:2026%02d%02d", pick(12), pick(28)))
	put("PRIORITY:" pick(9))
	if (pick(4) == 1) {
		put("STATUS:COMPLETED")
		put("PERCENT-COMPLETE:100")
	} else put("STATUS:NEEDS-ACTION")
	put("END:VTODO")
	finish(file, "VCALENDAR")
}

function calendar(file, component, uid) {
	begin(file, "VCALENDAR")
	put("VERSION:2.0")
	put("PRODID:-//Lifeboat//Demo//EN")
	put("BEGIN:" component)
	put("UID:" uid)
	put("DTSTAMP:" stamp())
}

function alarm() {
	put("BEGIN:VALARM")
	put("ACTION:DISPLAY")
	put("DESCRIPTION:Reminder")
	put("TRIGGER:-PT" 5 * pick(6) "M")
	put("END:VALARM")
}

function begin(file, kind) { target = file; put("BEGIN:" kind) }
function finish(file, kind) { put("END:" kind); close(file) }
function put(line) { printf "%s\r\n", line > target }

function id(kind, i) { return sprintf("%s-%04d", kind, i) }
function mailname(name) { return name[2] == "" ? name[1] : name[2] }
function phone() { return sprintf("+44 7700 900%03d", pick(1000) - 1) }
function stamp() { return sprintf("2026%02d%02dT%02d%02d%02dZ", pick(12), pick(28), pick(24) - 1, pick(60) - 1, pick(60) - 1) }

# Lehmer's generator: its products stay below 2^53, so that every awk computes them exactly.
function seed(p, kind, i,    k) {
	chance = (p * 104729 + kind * 1299709 + i * 15485863) % 2147483646 + 1
	for (k = 0; k < 4; k++) pick(2)
}
function pick(n) {
	chance = (chance * 48271) % 2147483647
	return int(chance / 2147483647 * n) + 1
}
