// The stand-in Control Plane: test equipment for the lab. It embeds a real etcd the way the
// Control Plane does and answers its HTTP API in both generations, so that recovery scripts can be
// executed against a cluster that really loses its quorum. It is configured by the PGEDGE_
// environment of the real one; PLAN_LAB_* variables are this program's own (see settings.go).
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "run" {
		fmt.Fprintln(os.Stderr, "usage: pgedge-control-plane run")
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("exiting", "error", err.Error())
		os.Exit(1)
	}
	slog.Info("shutdown complete")
}
