# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# build.sh - installing, configuring and building in a source tree; for scripts to source
#
# The caller sets gt_top, the top of the source tree.  The tree is built in place: the library is
# $gt_top/.libs/libgothreads.so.  Nothing here writes to stdout, and nothing reads stdin: both belong
# to the command that gothreads is about to run.

# shellcheck disable=SC2034,SC2119,SC2120,SC2154 # what the callers set and use
gt_log=$gt_top/build.log
gt_stamp=$gt_top/.built

# Debian packages; configure tells the same ones.
gt_packages_build='gcc libc6-dev make autoconf automake libtool pkg-config libzydis-dev libffi-dev'
gt_packages_test='libcriterion-dev g++ libgc-dev libsqlite3-dev liburing-dev'

gt_say()
{
	printf 'gothreads: %s\n' "$1" >&2
}

# gt_missing PACKAGE...: those of them that are not installed, on stdout.
gt_missing()
{
	for gt_package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$gt_package" 2>/dev/null) in
		installed) ;;
		*) printf ' %s' "$gt_package" ;;
		esac
	done
}

# gt_apt_get ARGS...: as root, or by sudo; its output goes to the log.
gt_apt_get()
{
	if test "$(id -u)" -eq 0; then
		DEBIAN_FRONTEND=noninteractive apt-get "$@"
	else
		sudo DEBIAN_FRONTEND=noninteractive apt-get "$@"
	fi </dev/null >>"$gt_log" 2>&1
}

# gt_install PACKAGE...: installs what is missing.  On a system without dpkg it does nothing: there
# configure says what is missing.  Returns 1, after one clear line, when it cannot.
gt_install()
{
	command -v dpkg-query >/dev/null 2>&1 || return 0
	gt_wanted=$(gt_missing "$@")
	test -n "$gt_wanted" || return 0
	if test "$(id -u)" -ne 0 && ! command -v sudo >/dev/null 2>&1; then
		gt_say "Debian packages are missing; as root: apt-get install$gt_wanted"
		return 1
	fi
	gt_say "installing$gt_wanted"
	# Lists of packages may be absent, or too old to be of use: fetched when the first try fails.
	# shellcheck disable=SC2086
	gt_apt_get install -y --no-install-recommends $gt_wanted ||
		{ gt_apt_get update && gt_apt_get install -y --no-install-recommends $gt_wanted; } || {
		gt_say "cannot install Debian packages (see $gt_log); as root: apt-get install$gt_wanted"
		return 1
	}
	gt_installed=yes
}

# gt_configure [test]: configures the tree in place unless it is; configures again, with the same
# options, what was configured before the packages of now (for the tests) were there.
gt_configure()
{
	cd "$gt_top" || return 1
	if test -f config.status && ! grep -q "^ac_pwd='$gt_top'\$" config.status; then
		make distclean # the tree was moved or copied: every path in it is wrong
		rm -f config.status Makefile
	fi
	if ! test -f configure || ! test -f Makefile.in || {
		! test -f Makefile && test -n "$(find configure.ac Makefile.am ./*/*.am -newer configure)"
	}; then
		autoreconf -fi || return 1
	fi
	if ! test -f config.status || ! test -f Makefile; then
		./configure || return 1
	elif test -n "$gt_installed" || { test -n "$1" && grep -q '^CRITERION = no' Makefile; }; then
		./config.status --recheck && ./config.status || return 1
	fi
}

# What the caller's environment must not bring into a build: a make that runs us, and whatever is
# preloaded into the command.
gt_clean_environment()
{
	unset LD_PRELOAD MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS CDPATH GREP_OPTIONS
}

gt_older()
{
	test -f "$gt_stamp" && test -f "$gt_top/Makefile" &&
		test -r "$gt_top/.libs/libgothreads.so" && test -x "$gt_top/shim/helper" &&
		test -x "$gt_top/tests/bench/demo" || return 0
	test -n "$(find "$gt_top/configure.ac" "$gt_top/Makefile.am" "$gt_top/sched" "$gt_top/interpose" \
		"$gt_top/shim" "$gt_top/tests/tests.am" "$gt_top/tests/progs/progs.am" \
		"$gt_top/tests/bench/demo.c" "$gt_top/scripts/gothreads" -type f \
		\( -name '*.[chS]' -o -name '*.am' -o -name '*.ac' -o -name gothreads \) \
		-newer "$gt_stamp" -print -quit)"
}

gt_build_locked()
{
	gt_older || return 0 # another one was faster
	gt_installed=
	# shellcheck disable=SC2086
	gt_install $gt_packages_build || return 1
	gt_say "building (see $gt_log)"
	touch "$gt_stamp.new" # what changes during the build is built next time
	if ! { gt_configure && make -j"$(nproc)"; } </dev/null >>"$gt_log" 2>&1; then
		tail -n 20 "$gt_log" >&2
		gt_say "the build failed; all of it is in $gt_log"
		return 1
	fi
	mv "$gt_stamp.new" "$gt_stamp"
}

# gt_build_if_older: builds the library and the demonstration unless they are newer than all they are
# made of.  Only one at a time builds.  Returns 1, after saying why, when that fails.
gt_build_if_older()
{
	gt_older || return 0
	if ! test -w "$gt_top"; then
		gt_say "the library must be built, but $gt_top is not writable"
		return 1
	fi
	(
		gt_clean_environment
		exec 9>"$gt_top/.build.lock" && flock 9 || exit 1
		: >"$gt_log"
		gt_build_locked
	)
}
