package main

import (
	"errors"
	"fmt"
	"slices"
)

func (p *api) hostRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/hosts", handle: p.hosts},
		{method: "GET", path: "/v1/hosts/{host}", handle: p.host},
		{method: "DELETE", path: "/v1/hosts/{host}", handle: p.deleteHost},
		{method: "GET", path: "/v1/hosts/{host}/tasks", newerOnly: true, handle: p.hostTasks},
		{method: "GET", path: "/v1/hosts/{host}/tasks/{task}", newerOnly: true, handle: p.hostTask},
		{method: "GET", path: "/v1/tasks", newerOnly: true, handle: p.tasks},
	}
}

func (p *api) hosts(e exchange) (answer, error) {
	hosts, err := p.app.listHosts(e.Context())
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"hosts": hosts})
}

// host answers an unknown id with 500: the real one does not translate that error.
func (p *api) host(e exchange) (answer, error) {
	host, err := p.app.getHost(e.Context(), e.parameters["host"])
	if err != nil {
		return answer{}, err
	}
	return ok(host)
}

// deleteHost checks, strips the host from the specs of its databases one by one, and starts the
// removal. force skips only the check for instances. A failure at the second database leaves the
// first one modifying, as in the real one.
func (p *api) deleteHost(e exchange) (answer, error) {
	ctx, a, id := e.Context(), p.app, e.parameters["host"]
	if id == a.settings.hostID {
		return answer{}, invalidInput("a host cannot remove itself from the cluster")
	}
	if _, err := a.getHost(ctx, id); errors.Is(err, errNotFound) {
		return answer{}, errHostNotFound
	} else if err != nil {
		return answer{}, err
	}
	databases, err := a.readDatabases(ctx)
	if err != nil {
		return answer{}, err
	}
	databases = slices.DeleteFunc(databases, func(one database) bool {
		return !slices.ContainsFunc(one.instances, func(instance storedInstance) bool {
			return instance.HostID == id
		})
	})
	if e.URL.Query().Get("force") != "true" && len(databases) > 0 {
		return answer{}, invalidInput("cannot remove host with running instances")
	}
	for _, one := range databases {
		changed, found := one.spec.without(id)
		if !found {
			return answer{}, fmt.Errorf("%s host id not found/removed", id)
		}
		if err := a.changeSpec(ctx, one.DatabaseID, changed); errors.Is(err, errNotModifiable) {
			return answer{}, errUndeclared
		} else if err != nil {
			return answer{}, err
		}
	}
	return p.startRemoval(e, id, databases)
}

func (p *api) startRemoval(e exchange, id string, databases []database) (answer, error) {
	ctx, a := e.Context(), p.app
	body := map[string]any{}
	flow := workflow{Kind: kindRemoveHost, Target: id}
	parent := ""
	if !a.settings.older {
		task := newTask(scopeHost, id, kindRemoveHost, "")
		key, err := a.keepTask(ctx, task)
		if err != nil {
			return answer{}, err
		}
		flow.Task, parent, body["task"] = key, task.TaskID, a.describeTask(task)
	}
	updates := []map[string]any{}
	for _, one := range databases {
		task := newTask(scopeDatabase, one.DatabaseID, kindUpdate, parent)
		key, err := a.keepTask(ctx, task)
		if err != nil {
			return answer{}, err
		}
		updates = append(updates, a.describeTask(task))
		flow.Updates = append(flow.Updates, workflow{
			Kind: kindUpdate, Host: a.settings.hostID, Task: key,
			Database: one.DatabaseID, RemoveHosts: []string{id},
		})
	}
	if err := a.submit(ctx, flow); err != nil {
		return answer{}, err
	}
	body["update_database_tasks"] = updates
	return ok(body)
}

func (p *api) hostTasks(e exchange) (answer, error) {
	return p.taskList(e, p.app.settings.taskPrefix(scopeHost, e.parameters["host"]))
}

func (p *api) hostTask(e exchange) (answer, error) {
	return p.oneTask(e, scopeHost, e.parameters["host"])
}

// tasks lists all tasks, of one scope, or of one entity.
func (p *api) tasks(e exchange) (answer, error) {
	scope, entity := e.URL.Query().Get("scope"), e.URL.Query().Get("entity_id")
	if scope == "" && entity != "" {
		return answer{}, invalidInput("entity_id requires scope to be set")
	}
	return p.taskList(e, p.app.settings.taskPrefix(scope, entity))
}

func (p *api) taskList(e exchange, prefix string) (answer, error) {
	records, err := getAll[taskRecord](e.Context(), p.app.node.client, prefix, true)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"tasks": each(records, func(one taskRecord) any {
		return p.app.describeTask(one.Task)
	})})
}

func (p *api) oneTask(e exchange, scope, entity string) (answer, error) {
	id := e.parameters["task"]
	if !uuidPattern.MatchString(id) {
		return answer{}, validationError{"invalid_format",
			fmt.Sprintf("task_id must be formatted as a uuid but got value %q", id)}
	}
	task, err := p.app.getTask(e.Context(), scope, entity, id)
	if err != nil {
		return answer{}, err
	}
	return ok(p.app.describeTask(task))
}
