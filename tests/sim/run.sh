#!/usr/bin/env bash
# What ctest runs of the simulation: the same seeds each time, and a sweep of deaths at writes.
# Random seeds, and the fault --lag, still find the defects that README.md lists under "Open"; until
# these are mended, look for more with `fermi_sim --seed N --seconds S [--lag]`.
set -u
sim=$1
"$sim" --seed 5000000 --seeds "${FERMI_SIM_SEEDS:-150}" || exit 1
"$sim" --crash-sweep --seed 5 --seconds 30
