package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// fillWorkers are enough to keep an API server on two cores busy.
const fillWorkers = 32

// fill creates Pods bench-0 .. bench-(count-1), bound to 1,000 nodes that need not exist. They look
// like the Pods of a gang: labels, one container with requests and environment.
func fill(client kubernetes.Interface, namespace string, count int) error {
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	began := time.Now()
	var next, failures atomic.Int64
	var firstError atomic.Value
	var workers sync.WaitGroup
	for range fillWorkers {
		workers.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(count) || failures.Load() > 0 {
					return
				}
				pod := benchPod(int(i))
				if _, err := client.CoreV1().Pods(namespace).Create(context.Background(), pod, metav1.CreateOptions{}); err != nil {
					firstError.CompareAndSwap(nil, err)
					failures.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if err, ok := firstError.Load().(error); ok {
		return err
	}
	fmt.Printf("{\"filled\":%d,\"seconds\":%.1f}\n", count, time.Since(began).Seconds())
	return nil
}

func benchPod(i int) *corev1.Pod {
	job := fmt.Sprintf("job-%d", i/8)
	request := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("4"),
		corev1.ResourceMemory: resource.MustParse("16Gi"),
		"nvidia.com/gpu":      resource.MustParse("1"),
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("bench-%d", i),
			Labels: map[string]string{
				"app.kubernetes.io/name": job,
				"example.com/queue":      "default",
				"example.com/rank":       fmt.Sprint(i % 8),
				"example.com/attempt":    "0",
			},
		},
		Spec: corev1.PodSpec{
			NodeName:      fmt.Sprintf("node-%d", i%1000),
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name:      "main",
				Image:     "example/train:1.0",
				Command:   []string{"python3", "train.py"},
				Env:       []corev1.EnvVar{{Name: "RANK", Value: fmt.Sprint(i % 8)}, {Name: "WORLD_SIZE", Value: "8"}},
				Resources: corev1.ResourceRequirements{Requests: request, Limits: request},
			}},
		},
	}
}
