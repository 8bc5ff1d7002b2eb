package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func (p *api) databaseRoutes() []route {
	const one, task = "/v1/databases/{database}", "/v1/databases/{database}/tasks/{task}"
	return []route{
		{method: "GET", path: "/v1/databases", handle: p.databases},
		{method: "POST", path: "/v1/databases", fields: []string{"spec"}, handle: p.createDatabase},
		{method: "GET", path: one, handle: p.database},
		{method: "POST", path: one, fields: []string{"spec"}, handle: p.updateDatabase},
		{method: "DELETE", path: one, handle: p.deleteDatabase},
		{method: "GET", path: one + "/tasks", handle: p.databaseTasks},
		{method: "GET", path: task, handle: p.databaseTask},
		{method: "GET", path: task + "/cancel", handle: p.cancelTask},
	}
}

func (p *api) databases(e exchange) (answer, error) {
	found, err := p.app.readDatabases(e.Context())
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 && p.app.settings.older {
		return ok(map[string]any{})
	}
	return ok(map[string]any{"databases": each(found, func(one database) map[string]any {
		return p.app.describeDatabase(one, false)
	})})
}

func (p *api) database(e exchange) (answer, error) {
	found, err := p.app.readDatabase(e.Context(), e.parameters["database"])
	if err != nil {
		return answer{}, err
	}
	return ok(p.app.describeDatabase(found, true))
}

// takeSpec reads the spec of a request, fills in versions, and has its hosts validate it.
func (p *api) takeSpec(e exchange, id string, present spec) (spec, error) {
	wanted, err := parseSpec(id, e.body)
	if err != nil {
		return nil, err
	}
	if present != nil {
		wanted.fillFrom(present)
	}
	hosts, err := getAll[storedHost](e.Context(), p.app.node.client, hostPrefix, false)
	if err != nil {
		return nil, err
	}
	if err := checkHosts(wanted.allHosts(), hosts); err != nil {
		return nil, err
	}
	for key, version := range map[string]string{
		"postgres_version": p.app.postgresVersion(), "spock_version": spockVersion,
	} {
		if wanted[key] == "" {
			wanted[key] = version
		}
	}
	return wanted, p.app.validate(e.Context(), id, wanted)
}

func (p *api) createDatabase(e exchange) (answer, error) {
	ctx, a := e.Context(), p.app
	id, _ := e.body["id"].(string)
	if id == "" {
		id = newUUID()
	}
	wanted, err := p.takeSpec(e, id, nil)
	if err != nil {
		return answer{}, err
	}
	record := storedDatabase{
		DatabaseID: id, CreatedAt: time.Now(), UpdatedAt: time.Now(), State: stateCreating,
	}
	made, err := create(ctx, a.node.client, databasePrefix+id, record)
	if err != nil {
		return answer{}, err
	}
	if !made {
		return answer{}, errUndeclared
	}
	if err := put(ctx, a.node.client, specPrefix+id, wanted); err != nil {
		return answer{}, err
	}
	return p.startChange(e, id, kindCreate, nil)
}

// updateDatabase stores the new spec and starts the update. remove_host (v0.7.0 and later) names
// hosts that are treated as gone: the update does not wait for them.
func (p *api) updateDatabase(e exchange) (answer, error) {
	id := e.parameters["database"]
	present, err := p.app.readDatabase(e.Context(), id)
	if err != nil {
		return answer{}, err
	}
	wanted, err := p.takeSpec(e, id, present.spec)
	if err != nil {
		return answer{}, err
	}
	if err := checkChange(present.spec, wanted); err != nil {
		return answer{}, err
	}
	if err := p.app.changeSpec(e.Context(), id, wanted); err != nil {
		return answer{}, err
	}
	var gone []string
	if !p.app.settings.older {
		gone = e.URL.Query()["remove_host"]
	}
	return p.startChange(e, id, kindUpdate, gone)
}

// startChange makes task and workflow of a change whose spec has been stored, and answers both.
func (p *api) startChange(e exchange, id, kind string, gone []string) (answer, error) {
	task, err := p.startFlow(e.Context(), workflow{Kind: kind, Database: id, RemoveHosts: gone})
	if err != nil {
		return answer{}, err
	}
	found, err := p.app.readDatabase(e.Context(), id)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{
		"task": p.app.describeTask(task), "database": p.app.describeDatabase(found, true),
	})
}

func (p *api) startFlow(ctx context.Context, flow workflow) (storedTask, error) {
	task := newTask(scopeDatabase, flow.Database, flow.Kind, "")
	task.Workflow = newUUID()
	key, err := p.app.keepTask(ctx, task)
	if err != nil {
		return task, err
	}
	flow.Task = key
	return task, p.app.submit(ctx, flow)
}

func (p *api) deleteDatabase(e exchange) (answer, error) {
	id := e.parameters["database"]
	found, err := p.app.readDatabase(e.Context(), id)
	if err != nil {
		return answer{}, err
	}
	if e.URL.Query().Get("force") != "true" && !found.modifiable() {
		return answer{}, errNotModifiable
	}
	if err := p.app.setDatabaseState(e.Context(), id, stateDeleting); err != nil {
		return answer{}, err
	}
	task, err := p.startFlow(e.Context(), workflow{Kind: kindDelete, Database: id})
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"task": p.app.describeTask(task)})
}

func (p *api) databaseTasks(e exchange) (answer, error) {
	return p.taskList(e, p.app.settings.taskPrefix(scopeDatabase, e.parameters["database"]))
}

func (p *api) databaseTask(e exchange) (answer, error) {
	return p.oneTask(e, scopeDatabase, e.parameters["database"])
}

// cancelTask is a GET, as in the real API. The part of a host removal cannot be cancelled.
func (p *api) cancelTask(e exchange) (answer, error) {
	task, err := p.app.getTask(
		e.Context(), scopeDatabase, e.parameters["database"], e.parameters["task"])
	if errors.Is(err, errTaskNotFound) {
		return answer{}, invalidInput("task is not associated with database ")
	} else if err != nil {
		return answer{}, err
	}
	if task.Status != taskPending && task.Status != taskRunning {
		return answer{}, invalidInput("task must be running or pending to be cancelled")
	}
	if task.Workflow == "" {
		return answer{}, fmt.Errorf(
			"failed to cancel task: no workflow instances associated with task")
	}
	task.Status = taskCanceling
	if _, err := p.app.keepTask(e.Context(), task); err != nil {
		return answer{}, err
	}
	return ok(p.app.describeTask(task))
}
