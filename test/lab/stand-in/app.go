package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// app is the running program: before it is initialised it has a node and the API, afterwards all.
type app struct {
	settings *settings
	node     *etcdNode
	docker   dockerInfo
	api      *api
}

func logInfo(message string, fields ...any) { slog.Info(message, fields...) }

// run starts the program and stays until ctx ends or something essential fails. The API listens
// last: as long as etcd has no quorum at start, connections are refused.
func run(ctx context.Context) error {
	s, err := loadSettings()
	if err != nil {
		return err
	}
	node, err := openNode(s)
	if err != nil {
		return fmt.Errorf("failed to initialize etcd: %w", err)
	}
	a := &app{settings: s, node: node}
	a.api = newAPI(a)
	// Services keep their context until the shutdown has ended.
	service, cancel := context.WithCancel(context.Background())
	defer cancel()
	if node.initialised() {
		if err := node.start(service); err != nil {
			return fmt.Errorf("failed to start etcd: %w", err)
		}
		return a.shutdown(a.runInitialised(ctx, service))
	}
	return a.shutdown(a.runUninitialised(ctx, service))
}

func (a *app) runUninitialised(ctx, service context.Context) error {
	a.api.serve()
	logInfo("server ready", "state", "uninitialized")
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.api.failure:
		return err
	case <-a.node.ready:
		return a.runInitialised(ctx, service)
	}
}

// runInitialised brings up the rest. What fails here is also the answer of the init or join that
// led here, and ends the process.
func (a *app) runInitialised(ctx, service context.Context) error {
	err := a.startServices(service)
	a.api.finish(err)
	if err != nil {
		return err
	}
	a.api.serve()
	logInfo("server ready", "state", "initialized")
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.api.failure:
		return err
	case err := <-a.node.failures():
		return err
	}
}

func (a *app) startServices(service context.Context) error {
	var err error
	if a.docker, err = openDocker(service); err != nil {
		return fmt.Errorf("failed to initialize orchestrator: %w", err)
	}
	if err := a.updateHost(service); err != nil {
		return fmt.Errorf("failed to update host: %w", err)
	}
	a.watchHost(service)
	a.watchInstances(service)
	go a.work(service)
	return nil
}

// shutdown ends in order. The real one writes to etcd on its way out (leadership, queues), so
// without quorum it does not end until its grace period has passed.
func (a *app) shutdown(reason error) error {
	if reason != nil {
		logInfo("shutting down due to error", "error", reason.Error())
	}
	grace := time.Duration(a.settings.stopGraceSeconds) * time.Second
	done := make(chan error, 1)
	go func() {
		var problems []error
		if err := a.api.server.Shutdown(context.Background()); err != nil {
			problems = append(problems, err)
		}
		if a.node.client != nil && reason == nil {
			a.leave()
		}
		done <- errors.Join(append(problems, a.node.stop())...)
	}()
	select {
	case err := <-done:
		return errors.Join(reason, err)
	case <-time.After(grace):
		return errors.Join(reason, fmt.Errorf("graceful shutdown timed out after %.0f seconds",
			grace.Seconds()))
	}
}

// leave writes this host's farewell, again and again until etcd takes it.
func (a *app) leave() {
	key := "/scheduler/leaving/" + a.settings.hostID
	for put(context.Background(), a.node.client, key, time.Now()) != nil {
		time.Sleep(stepPause)
	}
}
