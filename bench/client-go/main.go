// Command informer is client-go's side of the informer benchmark: a typed Pod informer that syncs
// once against a kubeconfig and reports, as one line of JSON on stdout, what that cost.
//
// The clock starts before the first request and stops when the informer's store holds the whole
// list. CPU time is the process's own (user and system) over that span. The live heap is measured
// after the sync, with garbage collected twice (the second run frees what finalizers held), so that
// it is what the store keeps and not what decoding left behind.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

type options struct {
	kubeconfig        string
	namespace         string
	json              bool
	dropManagedFields bool
	timeout           time.Duration
	fill              int
}

// report is what is printed. Bytes and seconds; "bytesPerPod" is the live heap that the sync added,
// divided by the number of Pods.
type report struct {
	Client        string  `json:"client"`
	Encoding      string  `json:"encoding"`
	Pods          int     `json:"pods"`
	SyncSeconds   float64 `json:"syncSeconds"`
	CPUSeconds    float64 `json:"cpuSeconds"`
	LiveHeapBytes uint64  `json:"liveHeapBytes"`
	BytesPerPod   float64 `json:"bytesPerPod"`
	PeakRSSBytes  int64   `json:"peakRssBytes"`
}

func main() {
	o := parseFlags()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "informer:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.fill > 0 {
		client, _, err := connect(o)
		if err != nil {
			return err
		}
		return fill(client, o.namespace, o.fill)
	}
	r, err := measure(o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func parseFlags() options {
	o := options{}
	flag.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig of the cluster")
	flag.StringVar(&o.namespace, "namespace", "", "only this namespace (default: all)")
	flag.BoolVar(&o.json, "json", false, "ask for JSON instead of protobuf")
	flag.BoolVar(&o.dropManagedFields, "drop-managed-fields", false, "drop managedFields before storing")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "give up after this long")
	flag.IntVar(&o.fill, "fill", 0, "create this many Pods instead of measuring")
	flag.Parse()
	return o
}

func measure(o options) (report, error) {
	client, encoding, err := connect(o)
	if err != nil {
		return report{}, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, factoryOptions(o)...)
	informer := factory.Core().V1().Pods().Informer()
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()

	heapBefore := liveHeap()
	cpuBefore, began := cpuSeconds(), time.Now()
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return report{}, fmt.Errorf("not synced within %s", o.timeout)
	}
	r := report{
		Client:      "client-go",
		Encoding:    encoding,
		SyncSeconds: time.Since(began).Seconds(),
		CPUSeconds:  cpuSeconds() - cpuBefore,
		Pods:        len(informer.GetStore().ListKeys()),
	}
	r.LiveHeapBytes = liveHeap()
	r.PeakRSSBytes = peakRSS()
	if r.Pods > 0 && r.LiveHeapBytes > heapBefore {
		r.BytesPerPod = float64(r.LiveHeapBytes-heapBefore) / float64(r.Pods)
	}
	runtime.KeepAlive(informer)
	return r, nil
}

func connect(o options) (kubernetes.Interface, string, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, "", err
	}
	// The client's own rate limit must not be part of the figure.
	config.QPS, config.Burst = -1, 0
	encoding := "json"
	if !o.json {
		encoding = "protobuf"
		config.ContentType = "application/vnd.kubernetes.protobuf"
		config.AcceptContentTypes = "application/vnd.kubernetes.protobuf"
	}
	client, err := kubernetes.NewForConfig(config)
	return client, encoding, err
}

func factoryOptions(o options) []informers.SharedInformerOption {
	list := []informers.SharedInformerOption{informers.WithNamespace(o.namespace)}
	if o.dropManagedFields {
		list = append(list, informers.WithTransform(func(object any) (any, error) {
			if pod, ok := object.(*corev1.Pod); ok {
				pod.ManagedFields = nil
			}
			return object, nil
		}))
	}
	return list
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func usage() syscall.Rusage {
	var u syscall.Rusage
	// Fails only for a bad pointer or a bad "who".
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u
}

func cpuSeconds() float64 {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// peakRSS is in bytes; Linux reports KiB.
func peakRSS() int64 { return usage().Maxrss * 1024 }
