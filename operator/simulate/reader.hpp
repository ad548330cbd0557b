// Reader: a file of somebody's log -> Trace.
//
//   swf      the Standard Workload Format of the Parallel Workloads Archive: 18 columns between
//            blanks, comments after ';'. Processors: those asked for, else those given.
//   cqsim    id;asked;given;estimate;run;wait;submit;start;end, no header (CQSim's result files)
//   philly   timestamp,duration,num_gpus,...,cluster with a header; the virtual cluster is the
//            tenant; no estimates
//   openb    the Pods of cluster-trace-gpu-v2023, with a header. It ran from scheduled_time to
//            deletion_time; what was never scheduled has no run time. gpu_milli below 1000 is a
//            part of one GPU.
//   csv      any table between commas; `columns` says where things stand:
//            submit=..,runtime=.. and of estimate, gpus, nodes, cpu (cores), memory (MiB), tenant
//            what there is. A column is named as in the header line, or numbered from 1; when all
//            are numbered there is no header. Without gpus, nodes or cpu a job takes one GPU;
//            nodes alone are one GPU each.
//   journal  the engine's own journal (scheduler/journal): its tasks as they were submitted, with
//            the run times that its confirmations and ends show
//
// A line that cannot be read ends it with kInvalid and one sentence that names the line; a record
// that is no usable job is left out and counted (trace.hpp). Reads the stream once, line by line.
#pragma once

#include <istream>
#include <string>
#include <string_view>

#include "operator/simulate/trace.hpp"

namespace fermi::simulate {

enum class Format : std::uint8_t { kSwf, kCqsim, kPhilly, kOpenb, kCsv, kJournal };

// "swf", ...; kInvalid with the list of what is known.
k8s::Result<Format> parse_format(std::string_view name);

// `columns` is for csv alone: "submit=1,runtime=duration,...".
k8s::Result<Trace> read_trace(std::istream& in, Format format, std::string_view columns = {});

}  // namespace fermi::simulate
