package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Long operations are workflows kept in etcd, as in the real program: one belongs to the queue of
// the host that accepted it and goes on when that host starts again, also from a snapshot. Its steps
// on other hosts wait in those hosts' queues for as long as their process is away; nothing limits
// that wait. This is where the deadlocks come from.
const (
	workflowRoot  = "/workflows/instances/"
	queueRoot     = "/workflows/queues/"
	resultRoot    = "/workflows/results/"
	workerPause   = 500 * time.Millisecond
	resumePause   = 500 * time.Millisecond
	stepPause     = 250 * time.Millisecond
	stepWork      = 300 * time.Millisecond
	removalWork   = time.Second
	validateLimit = 5 * time.Minute
	managerQueue  = "manager"
)

// Kinds of workflows.
const (
	kindCreate     = "create"
	kindUpdate     = "update"
	kindDelete     = "delete"
	kindRemoveHost = "remove_host"
)

// Kinds of steps, done by the host of their queue.
const (
	stepRefresh  = "refresh"
	stepValidate = "validate"
	stepCreate   = "create"
	stepDelete   = "delete"
)

var (
	errCanceled = errors.New("workflow was canceled")
	errStopped  = errors.New("this host is shutting down")
)

// workflow is one operation. Task is the key of its task, empty where the API shows none.
type workflow struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Host        string     `json:"host"`
	Task        string     `json:"task,omitempty"`
	Target      string     `json:"target,omitempty"` // the host to remove
	Database    string     `json:"database,omitempty"`
	RemoveHosts []string   `json:"remove_hosts,omitempty"`
	Updates     []workflow `json:"updates,omitempty"`
}

func (w workflow) key() string { return workflowRoot + w.Host + "/" + w.ID }

// step is a part of a workflow that a certain host must do.
type step struct {
	ID       string         `json:"id"`
	Queue    string         `json:"queue"`
	Kind     string         `json:"kind"`
	Change   string         `json:"change"` // the workflow's kind
	Database string         `json:"database"`
	Instance storedInstance `json:"instance"`
}

type stepResult struct {
	Error string `json:"error,omitempty"`
}

func (s step) key() string       { return queueRoot + s.Queue + "/" + s.ID }
func (s step) resultKey() string { return resultRoot + s.ID }

// submit keeps a workflow for this host's worker to find.
func (a *app) submit(ctx context.Context, flow workflow) error {
	flow.ID, flow.Host = newUUID(), a.settings.hostID
	return put(ctx, a.node.client, flow.key(), flow)
}

// work does what waits in this host's queues, and starts its workflows, until ctx ends.
func (a *app) work(ctx context.Context) {
	var running sync.Map
	queues := []string{a.settings.hostID}
	if a.docker.Swarm.ControlAvailable {
		queues = append(queues, managerQueue)
	}
	wait := resumePause
	for ctx.Err() == nil {
		prefix := workflowRoot + a.settings.hostID + "/"
		flows, err := getAll[workflow](ctx, a.node.client, prefix, false)
		if err != nil {
			logInfo("worker failed to read its workflows", "error", err.Error())
		}
		for _, flow := range flows {
			if _, known := running.LoadOrStore(flow.ID, true); !known {
				go a.runWorkflow(ctx, flow, wait)
			}
		}
		for _, queue := range queues {
			steps, err := getAll[step](ctx, a.node.client, queueRoot+queue+"/", false)
			if err != nil {
				logInfo("worker failed to read its queue", "error", err.Error())
			}
			for _, one := range steps {
				if _, known := running.LoadOrStore(one.ID, true); !known {
					go a.runStep(ctx, one)
				}
			}
		}
		wait = stepPause
		pause(ctx, workerPause)
	}
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}

// runStep does one step and keeps its result; of several hosts on one queue the first result counts.
func (a *app) runStep(ctx context.Context, one step) {
	result := stepResult{}
	if err := a.doStep(ctx, one); errors.Is(err, errStopped) {
		return
	} else if err != nil {
		result.Error = err.Error()
	}
	encoded, err := encode(result)
	if err == nil {
		_, err = a.node.client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(one.key()), ">", 0)).
			Then(clientv3.OpPut(one.resultKey(), encoded), clientv3.OpDelete(one.key())).
			Commit()
	}
	if err != nil {
		logInfo("worker failed to keep a result", "error", err.Error())
	}
}

func (a *app) doStep(ctx context.Context, one step) error {
	if one.Kind == stepValidate {
		return nil
	}
	if one.Change == kindUpdate && a.settings.hook("PLAN_LAB_HANG_UPDATE", one.Database) {
		<-ctx.Done()
		return errStopped
	}
	pause(ctx, stepWork)
	if one.Kind != stepCreate {
		return nil
	}
	hook := "PLAN_LAB_FAIL_UPDATE"
	if one.Change == kindCreate {
		hook = "PLAN_LAB_FAIL_CREATE"
	}
	if a.settings.hook(hook, one.Database) {
		return fmt.Errorf("failed to create resource swarm.postgres_service::%s: "+
			"failed to wait for postgres service to start: service tasks failed: "+
			"starting container failed", one.Instance.InstanceID)
	}
	if err := a.setInstance(ctx, one.Instance, stateAvailable); err != nil {
		return err
	}
	return a.refreshInstance(ctx, one.Instance)
}

// await queues steps and waits until each has a result. A step on a host whose process is away
// waits for that host. canceled is asked between looks.
func (a *app) await(ctx context.Context, steps []step, canceled func() bool) error {
	for _, one := range steps {
		// A workflow that runs again finds the results of its first run.
		_, err := get[stepResult](ctx, a.node.client, one.resultKey())
		if errors.Is(err, errNotFound) {
			_, err = create(ctx, a.node.client, one.key(), one)
		}
		if err != nil {
			return err
		}
	}
	var failure error
	for _, one := range steps {
		for {
			result, err := get[stepResult](ctx, a.node.client, one.resultKey())
			if err == nil {
				if result.Error != "" {
					failure = errors.New(result.Error)
				}
				break
			}
			if ctx.Err() != nil {
				return errStopped
			}
			if canceled() {
				return errCanceled
			}
			pause(ctx, stepPause)
		}
	}
	return failure
}

// runWorkflow lets a new workflow's task read pending for a moment, as the real one's does; one that
// a start finds waits longer, so that the API first answers what the snapshot held.
func (a *app) runWorkflow(ctx context.Context, flow workflow, wait time.Duration) {
	pause(ctx, wait)
	var err error
	switch flow.Kind {
	case kindRemoveHost:
		err = a.runRemoveHost(ctx, flow)
	case kindDelete:
		err = a.runDelete(ctx, flow)
	default:
		err = a.runChange(ctx, flow)
	}
	if errors.Is(err, errStopped) || ctx.Err() != nil {
		return
	}
	if err != nil {
		logInfo("workflow failed", "kind", flow.Kind, "error", err.Error())
	}
	if err := remove(ctx, a.node.client, flow.key()); err != nil {
		logInfo("failed to end workflow", "error", err.Error())
	}
}

// runRemoveHost waits for the updates of all databases of the host, then takes the host out.
func (a *app) runRemoveHost(ctx context.Context, flow workflow) error {
	if err := a.advance(ctx, flow, taskRunning, nil); err != nil {
		return err
	}
	failures := make([]error, len(flow.Updates))
	var group sync.WaitGroup
	for i, update := range flow.Updates {
		update.ID = fmt.Sprintf("%s-%d", flow.ID, i)
		group.Add(1)
		go func() {
			defer group.Done()
			if err := a.runChange(ctx, update); err != nil {
				failures[i] = fmt.Errorf("database %s: %w", update.Database, err)
			}
		}()
	}
	group.Wait()
	err := errors.Join(failures...)
	if errors.Is(err, errStopped) {
		return errStopped
	}
	if err == nil {
		pause(ctx, removalWork)
		err = a.removeHost(ctx, a.node.client, flow.Target)
	}
	if err != nil {
		return errors.Join(err, a.advance(ctx, flow, taskFailed, err))
	}
	return a.advance(ctx, flow, taskCompleted, nil)
}

// advance moves the workflow's task on, if the API shows one.
func (a *app) advance(ctx context.Context, flow workflow, status string, cause error) error {
	if flow.Task == "" {
		return nil
	}
	return a.setTask(ctx, flow.Task, status, cause)
}

// runChange creates or updates a database: refresh on every host that has or gets an instance and
// on a manager, except hosts being removed; then instances made, then instances taken away.
func (a *app) runChange(ctx context.Context, flow workflow) error {
	if err := a.advance(ctx, flow, taskRunning, nil); err != nil {
		return err
	}
	err := a.changeInstances(ctx, flow)
	switch {
	case errors.Is(err, errStopped):
		return err
	case errors.Is(err, errCanceled):
		return errors.Join(a.failDatabase(ctx, flow.Database), a.advance(ctx, flow, taskCanceled, nil))
	case err != nil:
		return errors.Join(err, a.failDatabase(ctx, flow.Database), a.advance(ctx, flow, taskFailed, err))
	}
	if err := a.finishDatabase(ctx, flow.Database); err != nil {
		return errors.Join(err, a.advance(ctx, flow, taskFailed, err))
	}
	return a.advance(ctx, flow, taskCompleted, nil)
}

func (a *app) changeInstances(ctx context.Context, flow workflow) error {
	found, err := a.readDatabase(ctx, flow.Database)
	if err != nil {
		return err
	}
	canceled := func() bool {
		if flow.Task == "" {
			return false
		}
		task, err := a.readTask(ctx, flow.Task)
		return err == nil && task.Status == taskCanceling
	}
	gone := func(hostID string) bool { return slices.Contains(flow.RemoveHosts, hostID) }
	present := map[string]storedInstance{}
	hosts := []string{}
	for _, instance := range found.instances {
		present[instance.InstanceID] = instance
		hosts = append(hosts, instance.HostID)
	}
	refresh := []step{flow.step(stepRefresh, managerQueue, storedInstance{})}
	for _, host := range sorted(append(hosts, found.spec.hosts()...)) {
		if !gone(host) {
			refresh = append(refresh, flow.step(stepRefresh, host, storedInstance{}))
		}
	}
	if err := a.await(ctx, refresh, canceled); err != nil {
		return err
	}
	wanted := found.spec.instances(flow.Database)
	var made, taken []step
	for _, id := range sortedKeys(wanted) {
		instance, exists := present[id]
		if exists && instance.State == stateAvailable || exists && gone(instance.HostID) {
			continue
		}
		if !exists {
			instance = wanted[id]
		}
		if gone(instance.HostID) {
			return fmt.Errorf("error in plan 0: cannot queue event type create for "+
				"database.instance::%s because its host is being removed", id)
		}
		if err := a.setInstance(ctx, instance, stateCreating); err != nil {
			return err
		}
		// Read back: the record now has its creation time.
		instance, err = get[storedInstance](ctx, a.node.client, instance.key())
		if err != nil {
			return err
		}
		made = append(made, flow.step(stepCreate, instance.HostID, instance))
	}
	if err := a.await(ctx, made, canceled); err != nil {
		return planError(0, err)
	}
	for _, instance := range found.instances {
		if _, kept := wanted[instance.InstanceID]; kept {
			continue
		}
		if err := a.setInstance(ctx, instance, stateDeleting); err != nil {
			return err
		}
		if !gone(instance.HostID) {
			taken = append(taken, flow.step(stepDelete, instance.HostID, instance))
		}
	}
	return planError(1, a.await(ctx, taken, canceled))
}

func planError(plan int, err error) error {
	if err == nil || errors.Is(err, errStopped) || errors.Is(err, errCanceled) {
		return err
	}
	return fmt.Errorf("error in plan %d: failed while modifying resources: %w", plan, err)
}

// step makes a step of the workflow; its id is the same when the workflow runs again.
func (w workflow) step(kind, queue string, instance storedInstance) step {
	return step{
		ID: w.ID + "-" + kind + "-" + queue + "-" + instance.InstanceID, Queue: queue, Kind: kind,
		Change: w.Kind, Database: w.Database, Instance: instance,
	}
}

func sortedKeys(instances map[string]storedInstance) []string {
	keys := []string{}
	for key := range instances {
		keys = append(keys, key)
	}
	return sorted(keys)
}

// runDelete takes all instances away, each on its host, then the database's records.
func (a *app) runDelete(ctx context.Context, flow workflow) error {
	if err := a.advance(ctx, flow, taskRunning, nil); err != nil {
		return err
	}
	found, err := a.readDatabase(ctx, flow.Database)
	if errors.Is(err, errDatabaseNotFound) {
		return a.advance(ctx, flow, taskCompleted, nil)
	}
	if err != nil {
		return err
	}
	steps := each(found.instances, func(instance storedInstance) step {
		return flow.step(stepDelete, instance.HostID, instance)
	})
	if err := a.await(ctx, steps, func() bool { return false }); err != nil {
		return err
	}
	if err := a.deleteDatabase(ctx, flow.Database); err != nil {
		return err
	}
	return a.advance(ctx, flow, taskCompleted, nil)
}

// validate asks every host of a spec whether it can carry it, as the API does before it stores
// one. A host that is away makes it wait, five minutes at most.
func (a *app) validate(ctx context.Context, databaseID string, wanted spec) error {
	ctx, cancel := context.WithTimeout(ctx, validateLimit)
	defer cancel()
	flow := workflow{ID: newUUID(), Kind: stepValidate, Database: databaseID}
	steps := each(wanted.hosts(), func(host string) step {
		return flow.step(stepValidate, host, storedInstance{})
	})
	if err := a.await(ctx, steps, func() bool { return false }); err != nil {
		return fmt.Errorf("spec validation workflow failed: %w", err)
	}
	return nil
}
