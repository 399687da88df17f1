package machinetest

import "reflect"

// clone returns a copy of v that shares no memory with it, but what stands
// behind unexported fields: a type keeps that to itself. Slices get room to be
// appended to, as they often have when they come out of a codec.
func clone[T any](v T) T {
	unshare(reflect.ValueOf(&v).Elem())
	return v
}

func unshare(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			unshare(v.Field(i))
		}
		return
	case reflect.Array:
		for i := range v.Len() {
			unshare(v.Index(i))
		}
		return
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		if v.IsNil() || !v.CanSet() {
			return
		}
	default:
		return
	}
	var own reflect.Value
	switch v.Kind() {
	case reflect.Pointer:
		own = reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		unshare(own.Elem())
	case reflect.Interface:
		own = unshared(v.Elem())
	case reflect.Slice:
		own = reflect.MakeSlice(v.Type(), v.Len(), v.Len()+1)
		reflect.Copy(own, v)
		for i := range v.Len() {
			unshare(own.Index(i))
		}
	case reflect.Map:
		own = reflect.MakeMap(v.Type())
		for key, value := range v.Seq2() {
			own.SetMapIndex(key, unshared(value))
		}
	}
	v.Set(own)
}

func unshared(v reflect.Value) reflect.Value {
	own := reflect.New(v.Type()).Elem()
	own.Set(v)
	unshare(own)
	return own
}

// overwrite changes all memory that a clone refers to, up to the capacity of
// its slices.
func overwrite[T any](v T) { scribble(reflect.ValueOf(&v).Elem()) }

func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			scribble(v.Field(i))
		}
		return
	case reflect.Array:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
		return
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		if v.IsNil() || !v.CanInterface() {
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		scribble(v.Elem())
		change(v.Elem())
	case reflect.Interface:
		scribble(v.Elem())
	case reflect.Slice:
		v = v.Slice(0, v.Cap())
		for i := range v.Len() {
			scribble(v.Index(i))
			change(v.Index(i))
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			scribble(value)
		}
		if v.Len() > 0 {
			v.Clear()
		} else {
			v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
		}
	}
}

// change makes v hold something else, if it can.
func change(v reflect.Value) {
	switch {
	case v.CanSet() && !v.IsZero():
		v.SetZero()
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			change(v.Field(i))
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			change(v.Index(i))
		}
	case !v.CanSet():
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.CanFloat():
		v.SetFloat(1)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("overwritten")
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	}
}
